"""What an object of the API server becomes, and what is said of one that cannot be used."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bad_specs import BEYOND, BOUNDED, WORDED, nested, only, spec
from kronstream.domain.errors import Invalid
from kronstream.resources import Backoff, CatchUp, History, Retry, Spec, parse_job, parse_spec

META = {
    "namespace": "default",
    "name": "hello",
    "uid": "73183af3-7fad-4647-8e91-ca396aa1587c",
    "generation": 3,
    "creationTimestamp": "2026-11-23T14:33:46Z",
}
BAD = {**WORDED, **BOUNDED, **BEYOND}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
FIELDS = [str(field.alias) for field in Spec.model_fields.values()]


def test_what_is_left_out_has_its_default() -> None:
    job = parse_job({"metadata": META, "spec": only(schedule="*/5 * * * *")})

    assert (job.meta.namespace, job.meta.name, job.meta.generation) == ("default", "hello", 3)
    assert job.meta.created_ms == 1_795_444_426_000
    assert (job.meta.deleting, job.meta.labels, job.meta.annotations) == (False, {}, {})
    assert (job.spec.schedule, job.spec.time_zone, job.spec.every_ms, job.spec.run_at_ms) == (
        "*/5 * * * *",
        None,
        None,
        None,
    )
    assert (job.spec.suspend, job.spec.starting_deadline_ms, job.spec.max_backlog) == (False, None, 100)
    assert job.spec.catch_up == CatchUp(policy="Latest", window_ms="1h", max_runs=100)
    assert (job.spec.concurrency_policy, job.spec.priority, job.spec.queue) == ("Allow", "medium", "default")
    assert (job.spec.timeout_ms, job.spec.payload, job.spec.tags) == (300_000, None, ())
    assert job.spec.retry == Retry(limit=3, backoff=Backoff(initial_ms="10s", factor=2.0, max_ms="10m", jitter=0.1))
    assert job.spec.history == History(successful=20, failed=20, max_age_ms="7d")


def test_every_field_is_read() -> None:
    written = {
        "schedule": "30 8 * * 1-5",
        "timeZone": "America/New_York",
        "dst": {"gap": "Skip", "repeat": "Both"},
        "notBefore": "2026-12-01T00:00:00Z",
        "notAfter": "2027-12-01T00:00:00Z",
        "exclude": ["2026-12-24/2027-01-02", "* * * * SAT"],
        "jitter": "5m",
        "endAfter": {"runs": 100, "successes": 10},
        "suspend": True,
        "suspendAfterFailures": 3,
        "startingDeadline": "30m",
        "catchUp": {"policy": "All", "window": "1d", "maxRuns": 7},
        "maxBacklog": 5,
        "concurrencyPolicy": "Queue",
        "maxConcurrent": 2,
        "maxQueued": 10,
        "concurrencyGroup": {"name": "database", "max": 4},
        "runIf": 'last.status != "failed"',
        "handler": {"function": {"name": "cleanup:old_traces", "memory": "256Mi", "cpuTime": "30s"}},
        "payload": {"days": [1, None, {"deep": "ü"}]},
        "timeout": "1m30s",
        "retry": {"limit": 0, "backoff": {"initial": "1s", "factor": 1.5, "max": "1m", "jitter": 0}},
        "priority": "critical",
        "queue": "gpu-jobs",
        "displayName": "Ünïcode, and blanks",
        "description": "",
        "tags": ["b", "a"],
        "platformId": "platform 1",
        "createdBy": "admin",
        "history": {"successful": 0, "failed": 10_000, "maxAge": "30d"},
    }

    read = parse_spec(written)

    again = read.model_dump(mode="json", by_alias=True, exclude_unset=True)
    assert again == {**written, "startingDeadline": "30m", "retry": again["retry"]}
    assert again["retry"]["backoff"] == {"initial": "1s", "factor": 1.5, "max": "1m", "jitter": 0}
    assert (read.starting_deadline_ms, read.catch_up.window_ms, read.timeout_ms) == (1_800_000, 86_400_000, 90_000)


def test_limits_of_a_function_are_bytes_and_milliseconds() -> None:
    def limits(**fields: str) -> dict[str, int] | None:
        return parse_spec(spec(handler={"function": {"name": "echo", **fields}})).handler.limits

    assert limits() is None
    assert limits(memory="1.5Gi", cpuTime="1m") == {"memory": 3 << 29, "cpu_time": 60_000}
    assert limits(cpuTime="1500ms") == {"cpu_time": 1_500}
    assert limits(memory="16Mi") == {"memory": 16 << 20}


def test_instants_are_milliseconds_in_utc() -> None:
    assert parse_spec(only(runAt="1970-01-01T01:00:01.5+01:00")).run_at_ms == 1_500
    assert parse_spec(spec(anchor="1970-01-02T00:00:00Z")).anchor_ms == 86_400_000


def test_fields_of_a_newer_version_are_ignored() -> None:
    newer = spec(weather={"rain": "Skip"}, retry={"limit": 1, "unknown": True})

    assert parse_spec(newer).retry.limit == 1


def test_null_is_absent_where_a_field_may_be() -> None:
    assert parse_spec(spec(schedule=None, payload=None, platformId=None)) == parse_spec(spec())


def test_the_longest_wait_is_max_or_initial_where_max_is_left_out() -> None:
    def longest(**backoff: str) -> int:
        return parse_spec(spec(retry={"backoff": backoff})).retry.backoff.longest_ms

    assert longest() == 600_000
    assert longest(initial="1h") == 3_600_000
    assert longest(max="5s") == 5_000
    assert longest(initial="1s", max="2s") == 2_000


@pytest.mark.parametrize("case", BAD)
def test_the_first_fault_is_told_with_its_field(case: str) -> None:
    bad, field = BAD[case]

    with pytest.raises(Invalid) as caught:
        parse_spec(bad)

    assert caught.value.field == field
    assert caught.value.fault
    assert caught.value.instead
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (
            only(every="5 minutes"),
            (
                "spec.every: '5 minutes' is not a duration from 1s to 366d; "
                "write a duration from 1s to 366d, as numbers with units, like 1500ms, 90s or 2h30m"
            ),
        ),
        (
            only(schedule="@every 5m"),
            "spec.schedule: '@every 5m' is not a cron expression; write every: 5m, in place of a schedule",
        ),
        (
            only(schedules=["@daily", "CRON_TZ=Asia/Tokyo 0 5 * * *"]),
            (
                "spec.schedules[1]: 'CRON_TZ=Asia/Tokyo 0 5 * * *' names a zone; "
                "write the zone apart, as timeZone: Asia/Tokyo"
            ),
        ),
        (
            spec(timeZone="UTC"),
            (
                "spec.timeZone: is used only with schedule, schedules, rrule, exclude or runIf; "
                "remove it (every is elapsed time, runAt carries its own offset) or write a schedule"
            ),
        ),
        (
            only(notAfter="2026-12-24T18:00:00Z", runAt="2026-12-24T18:00:00Z"),
            (
                "spec.notAfter: is used only with schedule, schedules, rrule or every; "
                "remove it (runAt is one instant) or write one of them"
            ),
        ),
        (
            only(every="90s", jitter="2m"),
            "spec.jitter: is longer than every (2m and 1m30s); write at most what every says",
        ),
        (
            spec(maxConcurrent=3),
            (
                "spec.maxConcurrent: is used only with Forbid, Replace or Queue; "
                "Allow has no limit; write Forbid, Replace or Queue, or remove maxConcurrent"
            ),
        ),
        (
            spec(exclude=["2027-01-02/2026-12-24"]),
            (
                "spec.exclude[0]: '2027-01-02/2026-12-24' ends before it begins; "
                "write the earlier day first, like 2026-12-24/2027-01-02"
            ),
        ),
        (only(schedules=[]), "spec.schedules: has 0 entries; write at least 1, or remove it"),
        (spec(retry={"limit": -1}), "spec.retry.limit: -1 is too small; write at least 0"),
        (
            spec(schedule="@daily"),
            (
                "spec: says more than one time (schedule and every); "
                "keep one of schedule, schedules, rrule, every and runAt"
            ),
        ),
        (spec(priority="urgent"), "spec.priority: 'urgent' is not known; write 'low', 'medium', 'high' or 'critical'"),
        (
            spec(payload={"a": "x" * 65_536}),
            (
                "spec.payload: has 65544 bytes of JSON and 65536 are allowed; "
                "keep the data elsewhere and write its address into the payload"
            ),
        ),
    ],
)
def test_what_is_said(bad: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_spec(bad)

    assert str(caught.value) == said


def test_a_payload_may_be_as_large_and_as_deep_as_the_bounds() -> None:
    for payload in ("x" * 65_534, nested(32), [0] * 32_767, {"ü": "x" * 65_527}, False, 0, ""):
        assert parse_spec(spec(payload=payload)).payload == payload


@pytest.mark.parametrize("payload", [float("nan"), {"a": float("inf")}, "\ud800", {"a": object()}])
def test_a_payload_that_is_not_json_is_refused(payload: Any) -> None:
    with pytest.raises(Invalid, match=r"spec\.payload: is not JSON"):
        parse_spec(spec(payload=payload))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"uid": None}, "metadata.uid"),
        ({"name": 5}, "metadata.name"),
        ({"namespace": ""}, "metadata.namespace"),
        ({"generation": "1"}, "metadata.generation"),
        ({"generation": True}, "metadata.generation"),
        ({"generation": -1}, "metadata.generation"),
        ({"creationTimestamp": "yesterday"}, "metadata.creationTimestamp"),
        ({"labels": []}, "metadata.labels"),
    ],
)
def test_bad_metadata_is_told_with_its_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_job({"metadata": {**META, **change}, "spec": spec()})

    assert caught.value.field == field


def test_metadata_that_matters_is_kept() -> None:
    meta = {**META, "deletionTimestamp": META["creationTimestamp"], "labels": {"a": "b", "c": 1}, "annotations": None}

    job = parse_job({"metadata": meta, "spec": spec()})

    assert (job.meta.deleting, job.meta.labels, job.meta.annotations) == (True, {"a": "b"}, {})


def test_a_missing_spec_is_told() -> None:
    with pytest.raises(Invalid, match="spec: is missing; write handler and when to run"):
        parse_job({"metadata": META})


@given(st.dictionaries(st.sampled_from(["metadata", "spec", "kind"]), json_values))
def test_any_json_object_is_a_job_or_invalid(obj: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        parse_job(obj)


@given(st.dictionaries(st.sampled_from(FIELDS), json_values, min_size=1))
def test_any_json_in_any_field_is_a_spec_or_invalid(fields: dict[str, Any]) -> None:
    try:
        parse_spec({**spec(), **fields})
    except Invalid as fault:
        said = str(fault)
    else:
        said = "spec"
    assert said.startswith("spec")
    assert "{" not in said.partition(":")[0]


@given(st.integers() | st.floats())
def test_any_number_in_a_bounded_field_is_within_or_invalid(number: float) -> None:
    try:
        factor = parse_spec(spec(retry={"backoff": {"factor": number}})).retry.backoff.factor
    except Invalid as fault:
        assert fault.field == "spec.retry.backoff.factor"  # noqa: PT017
        assert not 1 <= number <= 10
    else:
        assert 1 <= factor <= 10
