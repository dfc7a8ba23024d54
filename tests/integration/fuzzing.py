"""What both kinds of made-up calls of the API have in common: the document, the checks, the values, the count."""

from __future__ import annotations

import itertools
import json
import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis.checks import CHECKS, CheckContext, load_all_checks
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import Failure
from schemathesis.core.transport import Response

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "3"))
"""How many calls are made up for each operation, and how many journeys there are."""
DOCUMENT = Path(__file__).parents[2] / "docs" / "openapi.json"
KEY = "Idempotency-Key"
HEADERS = ("idempotency-key", "kronstream-token", "content-type")
BASE = "/api/v1/scheduler"
REFUSALS = ["400", "401", "403", "404", "405", "409", "413", "415"]
# what fits the schema is done, or there is no such thing, or it cannot be done now
DONE = ["2xx", "401", "403", "404", "409", "413"]
# calls with a text whose grammar no schema can say (cron, zones, CloudEvents, specs), or fields that exclude each other
JUDGED = {
    "POST": [
        "/jobs/cron", "/jobs/once", "/jobs/{job_id}/pause", "/jobs/{job_id}/run", "/jobs/{job_id}/backfill", "/preview",
        "/executions/{execution_id}/complete", "/executions:retry", "/executions:cancel", "/events", "/events/trigger",
        "/queues/{name}/pause", "/dead-letters/{letter_id}/replay",
    ],
    "PUT": ["/jobs/{job_id}/schedule"],
    "GET": ["/jobs/{job_id}/stats"],
}  # fmt: skip
CRON = st.one_of(
    st.sampled_from(["0 2 * * *", "*/5 * * * *", "@daily", "H H * * 1-5", "0 0 29 2 *", "30 0 4 * * *"]),
    st.builds("{} {} * * {}".format, st.integers(0, 59), st.integers(0, 23), st.integers(0, 7)),
)
ZONE = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"])
LATELY = st.builds("2026-{:02}-{:02}T{:02}:00:00Z".format, st.integers(1, 11), st.integers(1, 28), st.integers(0, 23))

load_all_checks()
schemathesis.openapi.format("cron", CRON)
schemathesis.openapi.format("time-zone", ZONE)
schemathesis.openapi.format("date-time", LATELY)

numbers = itertools.count()
counted: Counter[str] = Counter()
"""Calls by kind, and by kind and status."""


@schemathesis.check
def a_refusal_names_its_field(ctx: CheckContext, response: Response, case: schemathesis.Case) -> None:
    """A 400 tells what is wrong in words of its own, and where."""
    del ctx
    if response.status_code == 400:
        told = response.json()
        if told["detail"] == told["title"] or not told["detail"]:
            raise Failure(operation=case.operation.label, title="A refusal says nothing", message=response.text)


CHECKED = list(CHECKS.get_all())


def schema_of(*, journeys: bool = False) -> schemathesis.openapi.OpenApiSchema:
    """The document with what is expected of each call. The token is always sent. For journeys without
    platforms: the API makes none, which the search for calls to begin with does not know."""
    document = json.loads(DOCUMENT.read_text("utf-8"))
    if journeys:
        _forget(document, "platform_id")
    judged = [
        {
            "include-path": [BASE + path for path in paths],
            "include-method": method,
            "checks": {"positive_data_acceptance": {"expected-statuses": ["400", *DONE]}},
        }
        for method, paths in JUDGED.items()
    ]
    # those of a deleted job are listed until their retention ends
    kept = {
        "include-name": f"GET {BASE}/jobs/{{job_id}}/executions",
        "checks": {"use_after_free": {"enabled": False}},
    }
    checks = {
        "positive_data_acceptance": {"expected-statuses": DONE},
        "negative_data_rejection": {"expected-statuses": REFUSALS},
    }
    phases = {"coverage": {"enabled": EXAMPLES >= 50}}
    generation = {"with-security-parameters": False}
    config = SchemathesisConfig.from_dict(
        {"checks": checks, "operations": [*judged, kept], "phases": phases, "generation": generation}
    )
    return schemathesis.openapi.from_dict(document, config=config).exclude(path_regex=r"/stream$")


@dataclass(frozen=True)
class Operation:
    """A call that takes a token, with something in the places of its path."""

    method: str
    path: str


def operations() -> list[Operation]:
    """Every call of the document that takes a token."""
    paths = json.loads(DOCUMENT.read_text("utf-8"))["paths"]
    return [
        Operation(method.upper(), re.sub(r"\{\w+\}", "x", path))
        for path, calls in paths.items()
        for method, call in calls.items()
        if call.get("security")
    ]


def address(case: schemathesis.Case) -> None:
    """Most calls come with a key of their own: made-up ones come again, and would be told nothing else. Headers
    that no call knows make none a bad one."""
    number = next(numbers)
    for name in [name for name in case.headers or () if name.lower() not in HEADERS]:
        del case.headers[name]
    key = case.headers.get(KEY) if case.headers and number % 10 else None
    if isinstance(key, str) and re.fullmatch("[!-~]{1,200}", key):
        case.headers[KEY] = f"{key}-{number}"


def count(kind: str, response: Response) -> None:
    """One call was answered."""
    counted[kind] += 1
    counted[f"{kind} {response.status_code}"] += 1


def told() -> str:
    """How many calls of each kind were made, and how they were answered."""
    kinds = ("alone", "journeys")
    lines = [f"{sum(counted[kind] for kind in kinds)} made-up calls"]
    for kind in kinds:
        answers = ", ".join(
            f"{name.split()[1]}: {counted[name]}" for name in sorted(counted) if name.startswith(f"{kind} ")
        )
        lines.append(f"  {kind}: {counted[kind]} ({answers})")
    return "\n".join(lines)


def _forget(value: Any, name: str) -> None:
    if isinstance(value, list):
        value[:] = [one for one in value if not (isinstance(one, dict) and one.get("name") == name)]
    elif isinstance(value, dict):
        value.pop(name, None)
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _forget(one, name)


def settle(case: schemathesis.Case, jobs: list[str]) -> None:
    """Let what a journey makes be of use to its next call: jobs of the present namespace that a worker executes. What
    is made up to be refused stays as it is."""
    address(case)
    body = case.body
    if case.meta is None or not case.meta.generation.mode.is_positive or not isinstance(body, dict):
        return
    body.pop("namespace", None)
    if case.path.endswith(("/jobs/cron", "/jobs/once")):
        for name in ("http", "job", "queue"):
            body.pop(name, None)
        body |= {"handler_type": "function", "handler_name": "api:fail" if body.get("tags") else "api:echo"}
        body["max_retries"] = 0
    elif case.path.endswith(("executions:retry", "executions:cancel")) and jobs:
        body["job"] = jobs[0]
        body.pop("status", None)
    elif case.path.endswith("/run"):
        body.pop("merge", None)
    elif case.path.endswith("/backfill"):
        body |= {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z", "pace": "0s"}
