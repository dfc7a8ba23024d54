"""The API under made-up calls: schemathesis over its own document, against the real parts.

FUZZ_EXAMPLES is how many calls are made up for each operation (`make fuzz`: 200, which is 7,200 calls; 3 in the suite).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.config import SchemathesisConfig

from integration.installation import Installation
from kronstream.dev.controlplane import ControlPlane

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "3"))
ROOT = Path(__file__).parents[2]
API_HANDLERS = Path(__file__).with_name("api_handlers.py")

load_all_checks()
# a text may fit the schema and be no cron expression, and a body may be larger than any is
REFUSALS = ["400", "401", "403", "404", "405", "409", "413", "415"]
config = SchemathesisConfig.from_dict(
    {
        "checks": {
            "positive_data_acceptance": {"enabled": False},
            "negative_data_rejection": {"expected-statuses": REFUSALS},
        }
    }
)
schema = schemathesis.openapi.from_path(ROOT / "docs" / "openapi.json", config=config).exclude(path_regex=r"/stream$")
CHECKED = [check for check in CHECKS.get_all() if check.__name__ != "positive_data_acceptance"]


@pytest.fixture(scope="module")
def fuzzed() -> Iterator[Installation]:
    environ = {"KRONSTREAM_API_RATE": "10000000"}
    with (
        ControlPlane() as plane,
        Installation(
            plane, operators=1, routers=1, workers=1, apis=("token",), handlers=API_HANDLERS, environ=environ
        ) as installation,
    ):
        yield installation
        assert not installation.complaints()


@pytest.fixture(scope="module")
def token(fuzzed: Installation) -> str:
    """The token of one who may do everything."""
    send = fuzzed.objects.send
    accounts = "/api/v1/namespaces/default/serviceaccounts"
    send("POST", accounts, {"metadata": {"name": "everything"}})
    binding = {
        "metadata": {"name": "everything"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": "everything", "namespace": "default"}],
    }
    send("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding)
    return str(send("POST", f"{accounts}/everything/token", {"spec": {}})["status"]["token"])


@schema.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_is_called_the_answer_is_as_documented(
    case: schemathesis.Case, fuzzed: Installation, token: str
) -> None:
    base = fuzzed.url().removesuffix("/api/v1/scheduler")
    headers = {"Authorization": f"Bearer {token}"}
    case.call_and_validate(base_url=base, headers=headers, checks=CHECKED, timeout=35)
