"""What `kubectl apply` says to good and to bad ScheduledJobs, on the real API server."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from bad_specs import BEYOND, BOUNDED, WORDED, nested, only, spec
from kronstream.dev.kubectl import Kubectl, KubectlError
from kronstream.domain.errors import Invalid
from kronstream.resources import parse_job, parse_spec


def job(name: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "kronstream.dev/v1", "kind": "ScheduledJob", "metadata": {"name": name}, "spec": fields}


def listed(jobs: dict[str, dict[str, Any]]) -> str:
    return "\n---\n".join(json.dumps(job(name, each)) for name, each in jobs.items())


def long_cron() -> str:
    text = ",".join(str(minute) for minute in range(60)) + " * * * *"
    return text.ljust(256)


@pytest.fixture(scope="module")
def refusals(kubectl: Kubectl) -> dict[str, str]:
    """What the API server says to each bad spec, by its case."""
    bad = {case: fields for case, (fields, _) in {**WORDED, **BOUNDED}.items()}
    with pytest.raises(KubectlError) as caught:
        kubectl("create", "--dry-run=server", "-f", "-", stdin=listed(bad))
    said = re.findall(r'ScheduledJob(?:\.kronstream\.dev)? "([^"]+)" is invalid: (.+)', caught.value.said)
    return dict(said)


@pytest.fixture(scope="module")
def namespace(kubectl: Kubectl) -> Iterator[str]:
    name = "crd-admission"
    kubectl("create", "namespace", name)
    yield name
    kubectl("delete", "scheduledjobs", "--all", "-n", name)


@pytest.mark.parametrize("case", WORDED)
def test_it_says_the_field_and_what_to_write_as_the_operator_would(case: str, refusals: dict[str, str]) -> None:
    fields, field = WORDED[case]
    with pytest.raises(Invalid) as caught:
        parse_spec(fields)

    assert f"{field}: Invalid value: " in refusals[case]
    assert caught.value.instead in refusals[case]
    assert "no such overload" not in refusals[case]


@pytest.mark.parametrize("case", BOUNDED)
def test_it_says_the_field_that_is_out_of_bounds(case: str, refusals: dict[str, str]) -> None:
    assert BOUNDED[case][1] in refusals[case]


def test_a_misspelt_field_is_refused(kubectl: Kubectl) -> None:
    with pytest.raises(KubectlError, match=r'unknown field "spec\.shedule"'):
        kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(job("typo", spec(shedule="@daily"))))


def test_what_the_schema_cannot_judge_is_accepted(kubectl: Kubectl) -> None:
    beyond = {case: fields for case, (fields, _) in BEYOND.items()}
    beyond |= {
        "no-such-minute": only(schedule="61 * * * *"),
        "no-such-zone": only(schedule="@daily", timeZone="Mars/X"),
    }

    said = kubectl("create", "--dry-run=server", "-o", "name", "-f", "-", stdin=listed(beyond))

    assert len(said.splitlines()) == len(beyond)


def test_bounds_are_inclusive(kubectl: Kubectl) -> None:
    good = {
        "low": only(every="1s", timeout="100ms", retry={"limit": 0, "backoff": {"initial": "0s", "max": "0s"}}),
        "high": only(every="366d", timeout="7d", retry={"limit": 100, "backoff": {"initial": "1d", "max": "24h"}}),
        "digits": only(every="31622400000ms"),
        "mixed": only(every="1h30m90s500ms", anchor="2026-12-24T18:00:00.123456789+01:00"),
        "macro": only(schedule="@midnight", timeZone="Etc/GMT+12"),
        "words": only(schedule="0 0 1-7 JAN,FEB MON#1", timeZone="America/Argentina/Buenos_Aires"),
        "asked": only(),
        "clock": only(timeZone="Asia/Tokyo", runIf="run.hour >= 8"),
        "seconds": only(schedule="30 0 9 ? JAN-MAR mon-fri", dst={"gap": "Skip", "repeat": "Both"}),
        "own": only(schedule="H(0-29)/10 H L * *", jitter="0s"),
        "several": only(
            schedules=[f"{minute} 0 15W * *" for minute in range(15)] + [long_cron()],
            exclude=[f"2026-01-{day:02}/2026-02-{day:02}" for day in range(1, 29)]
            + [f"{minute} * * * *" for minute in range(36)],
            timeZone="UTC",
        ),
        "rule": only(rrule="DTSTART:20261123T090000\nRRULE:FREQ=WEEKLY;INTERVAL=2\nEXDATE:" + "2" * 938),
        "window": spec(notBefore="2026-12-24T18:00:00Z", notAfter="2026-12-24T19:00:00.001+01:00", timeout="1s"),
        "leap": spec(notBefore="2028-02-29T00:00:00Z", notAfter="2028-03-31T00:00:00Z"),
        "wide": only(every="1d", jitter="24h", endAfter={"runs": 1_000_000_000, "successes": 1}),
        "queued": spec(
            concurrencyPolicy="Queue",
            maxConcurrent=1_000,
            maxQueued=1_000,
            concurrencyGroup={"name": "d" * 63, "max": 1_000},
            suspendAfterFailures=1_000,
            runIf="t" * 1_024,
        ),
        "large": spec(payload={"blob": "x" * 65_000}, queue="0", tags=["ä" * 128]),
    }

    kubectl("create", "--dry-run=server", "-f", "-", stdin=listed(good))

    for fields in good.values():
        assert parse_spec(fields)


@pytest.mark.parametrize(
    "payload",
    ["text", 0, False, 1.5, [1, None, {"a": None}], {"a": None, "deep": {"b": None, "list": [None]}}, nested(32), {}],
    ids=repr,
)
def test_any_payload_comes_back_as_it_was(payload: Any, kubectl: Kubectl, namespace: str) -> None:
    written = json.dumps(job("payload", spec(payload=payload)))

    kubectl("delete", "sched", "payload", "-n", namespace, "--ignore-not-found")
    kubectl("apply", "--server-side", "-n", namespace, "-f", "-", stdin=written)
    again = kubectl("apply", "--server-side", "-n", namespace, "-f", "-", stdin=written)
    stored = json.loads(kubectl("get", "sched", "payload", "-n", namespace, "-o", "json"))

    assert "serverside-applied" in again
    assert stored["spec"]["payload"] == payload
    assert stored["metadata"]["generation"] == 1
    assert parse_job(stored).spec.payload == payload


def test_null_is_absent(kubectl: Kubectl, namespace: str) -> None:
    nulls = spec(schedule=None, timeout=None, priority=None, retry=None, payload=None, suspend=None)

    kubectl("create", "-n", namespace, "-f", "-", stdin=json.dumps(job("nulls", nulls)))
    stored = json.loads(kubectl("get", "sched", "nulls", "-n", namespace, "-o", "json"))

    assert stored["spec"]["priority"] == "medium"
    assert parse_job(stored).spec.timeout_ms == 300_000
