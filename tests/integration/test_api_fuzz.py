"""The API under made-up calls: schemathesis over its own document, against the real parts.

First each operation by itself, then journeys: what one call answers is what the next one asks about. FUZZ_EXAMPLES is
how many calls are made up for each operation, and how many journeys there are (`make fuzz`: 120, beside calls at every
bound of the schema; 3 in the suite).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.errors import FlakyStrategyDefinition
from schemathesis.core.transport import Response

from integration import fuzzing
from integration.fuzzing import EXAMPLES
from integration.installation import Installation
from kronstream.dev.controlplane import ControlPlane

STEPS = 10
TOGETHER = 5
API_HANDLERS = Path(__file__).with_name("api_handlers.py")
CHOSEN = {"deadline": None, "suppress_health_check": list(HealthCheck)}

schema = fuzzing.schema_of()


@pytest.fixture(scope="module")
def fuzzed(pytestconfig: pytest.Config) -> Iterator[Installation]:
    environ = {"KRONSTREAM_API_RATE": "10000000", "KRONSTREAM_API_STRANGER_RATE": "1000000"}
    with (
        ControlPlane() as plane,
        Installation(
            plane, operators=1, routers=1, workers=1, apis=("token",), handlers=API_HANDLERS, environ=environ
        ) as installation,
    ):
        yield installation
        assert not installation.complaints()
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print(f"\n{fuzzing.told()}")


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
    asked = {"spec": {"expirationSeconds": 86_400}}
    return str(send("POST", f"{accounts}/everything/token", asked)["status"]["token"])


@schema.parametrize()
@settings(max_examples=EXAMPLES, **CHOSEN)
def test_whatever_is_called_the_answer_is_as_documented(
    case: schemathesis.Case, fuzzed: Installation, token: str
) -> None:
    base = fuzzed.url().removesuffix(fuzzing.BASE)
    headers = {"Authorization": f"Bearer {token}"}
    fuzzing.address(case)
    response = case.call(base_url=base, headers=headers, timeout=35)
    fuzzing.count("alone", response)
    case.validate_response(
        response, checks=fuzzing.CHECKED, headers=headers, transport_kwargs={"base_url": base, "headers": headers}
    )


def test_wherever_a_journey_leads_the_answer_is_as_documented(fuzzed: Installation, token: str) -> None:
    base = fuzzed.url().removesuffix(fuzzing.BASE)
    known: list[str] = []

    class Journey(fuzzing.schema_of(journeys=True).as_state_machine()):  # type: ignore[misc]
        def setup(self) -> None:
            fuzzing.counted["journeys-begun"] += 1

        def before_call(self, case: schemathesis.Case) -> None:
            fuzzing.settle(case, known)

        def get_call_kwargs(self, case: schemathesis.Case) -> dict[str, object]:
            return {"base_url": base, "headers": {"Authorization": f"Bearer {token}"}, "timeout": 35}

        def after_call(self, response: Response, case: schemathesis.Case) -> None:
            super().after_call(response, case)
            fuzzing.count("journeys", response)
            if response.status_code == 201 and "/jobs/" in case.path and "schedule" in response.text:
                known[:] = [response.json()["id"]]

    chosen = settings(max_examples=TOGETHER, stateful_step_count=STEPS, phases=[Phase.generate], **CHOSEN)
    while fuzzing.counted["journeys-begun"] < EXAMPLES:
        # what a server answers changes with what it was asked, so that no two journeys are the same
        with contextlib.suppress(FlakyStrategyDefinition):
            Journey.run(settings=chosen)
    made = [status for status in ("201", "200", "202", "204") if fuzzing.counted[f"journeys {status}"]]
    assert made == ["201", "200", "202", "204"] or EXAMPLES < 50, fuzzing.told()


def test_whoever_has_no_token_is_told_nothing(fuzzed: Installation) -> None:
    root = fuzzed.url().removesuffix(fuzzing.BASE)
    with httpx.Client(base_url=root, trust_env=False) as client:
        for operation in fuzzing.operations():
            for headers in ({}, {"Authorization": "Bearer rubbish"}):
                answer = client.request(operation.method, operation.path, headers=headers)
                assert answer.status_code == 401, (operation, answer.text)


def test_that_was_enough(fuzzed: Installation) -> None:
    """`make fuzz` is a promise of five thousand calls, whatever schemathesis makes of the numbers it is given."""
    total = fuzzing.counted["alone"] + fuzzing.counted["journeys"]
    assert total >= (5_000 if EXAMPLES >= 120 else 100), fuzzing.told()
    assert not any(name.endswith((" 500", " 503")) for name in fuzzing.counted), fuzzing.told()
