"""How an EventHandler is read, and what it says of one that cannot be used."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bad_handlers import BEYOND, BOUNDED, JUDGED, RESOURCE, WORDED, agent, create, debounce, spec, workflow
from bad_specs import HANDLER
from kronstream.domain import filter as expressions
from kronstream.domain.errors import Invalid
from kronstream.domain.event import Event
from kronstream.resources import (
    EventHandlerStatus,
    EventSpec,
    judge_handler,
    parse_handler,
    parse_handler_spec,
    parse_handler_status,
    parse_spec,
)

META = {
    "namespace": "default",
    "name": "cleanup",
    "uid": "73183af3-7fad-4647-8e91-ca396aa1587c",
    "generation": 3,
    "creationTimestamp": "2026-11-23T14:33:46Z",
}
BAD = {**WORDED, **BOUNDED, **BEYOND}
FIELDS = [str(field.alias) for field in EventSpec.model_fields.values()]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def test_what_is_left_out_has_its_default() -> None:
    handler = parse_handler({"metadata": META, "spec": spec()})

    assert (handler.meta.namespace, handler.meta.name, handler.meta.generation) == ("default", "cleanup", 3)
    found = handler.spec
    assert (found.source.stream, found.platform_id, found.priority, found.enabled) == ("stream:events", None, 0, True)
    assert (found.filter, found.dedupe, found.debounce, found.rate_limit, found.transform) == (None,) * 5
    assert (found.retry.limit, found.retry.backoff.initial_ms) == (3, 10_000)


def test_every_field_is_read() -> None:
    written = {
        "event": "workflow.*",
        "source": {"stream": "stream:orders"},
        "filter": "event.data.count > 3",
        "platformId": "platform-123",
        "priority": -5,
        "enabled": False,
        "dedupe": {"key": "event.data.id", "window": "10m"},
        "debounce": {"quiet": "30s", "maxWait": "5m", "key": "event.data.repo", "take": "First"},
        "rateLimit": {"count": 10, "per": "1m", "over": "Delay"},
        "transform": '{"id": event.data.id}',
        "retry": {"limit": 0, "backoff": {"initial": "1s", "factor": 1.5, "max": "1m", "jitter": 0}},
        "action": {
            "createJob": {
                "handler": {"function": {"name": "cleanup:artifacts"}},
                "payload": {"retention_days": 30},
                "timeout": "10m",
                "totalTimeout": "1h",
                "expectedWithin": "1m",
                "retry": {"limit": 1},
                "priority": "high",
                "queue": "batch",
                "serviceAccountName": "cleaner",
                "ttlAfterFinished": "1d",
                "maxOpen": 5,
            }
        },
    }

    read = parse_handler_spec(written)

    assert read.model_dump(mode="json", by_alias=True, exclude_unset=True) == written
    assert set(written) == set(FIELDS)
    assert read.dedupe is not None
    assert read.debounce is not None
    assert read.rate_limit is not None
    assert read.action.create_job is not None
    assert (read.dedupe.window_ms, read.debounce.quiet_ms, read.debounce.most_ms) == (600_000, 30_000, 300_000)
    assert (read.rate_limit.per_ms, read.action.create_job.ttl_after_finished_ms) == (60_000, 86_400_000)


def test_a_burst_that_never_ends_waits_ten_times_as_long_as_quiet_at_most() -> None:
    def most(**fields: str) -> int:
        found = parse_handler_spec(debounce(**fields)).debounce
        assert found is not None
        return found.most_ms

    assert most(quiet="1s") == 10_000
    assert most(quiet="3h") == most(quiet="1d") == 86_400_000
    assert most(quiet="1s", maxWait="1s") == 1_000


@pytest.mark.parametrize(
    ("written", "text", "offered", "call"),
    [
        (create(), "createJob echo", "echo", None),
        (spec(), "runJob report", None, None),
        (workflow(name="nightly"), "triggerWorkflow nightly", "@workflow", {"stream": {"name": "nightly"}}),
        (
            workflow(resource=RESOURCE),
            "triggerWorkflow Workflow",
            "@workflow",
            {"resource": {**RESOURCE, "cleanup": "Never"}},
        ),
        (agent(), "dispatchAgent reviewer", "@agent", {"name": "reviewer"}),
        (create(handler={"http": {"url": "https://example.com/"}}), "createJob http", "@http", ...),
        (create(handler={"agent": {"name": "a"}}), "createJob a", "@agent", {"name": "a"}),
        (
            create(handler={"workflow": {"stream": {"name": "w"}}}),
            "createJob w",
            "@workflow",
            {"stream": {"name": "w"}},
        ),
    ],
)
def test_an_action_says_what_it_does(written: dict[str, Any], text: str, offered: str | None, call: Any) -> None:
    action = parse_handler_spec(written).action

    assert action.text == text
    execution = action.execution
    assert (execution.handler.offered if execution else None) == offered
    if execution and call is not ...:
        assert execution.handler.call == call


def test_a_created_job_has_the_fields_of_the_action() -> None:
    action = parse_handler_spec(create(timeout="10m", payload={"a": 1}, maxOpen=3, priority="high")).action
    assert action.create_job is not None

    job = action.create_job.job

    assert job == {"handler": HANDLER, "timeout": "10m", "priority": "high", "ttlAfterFinished": "1h"}
    assert parse_spec({**job, "runAt": "2026-12-24T18:00:00Z"}).ttl_after_finished_ms == 3_600_000


def test_what_a_good_spec_means() -> None:
    fields = {"dedupe": {"key": "event.data.id", "window": "1m"}, "debounce": {"quiet": "1s", "key": "event.source"}}
    judged = judge_handler(
        parse_handler_spec(
            spec(event="order.*", filter="event.data.id > 3", transform='{"n": event.data.id}', **fields)
        )
    )
    seen = expressions.seen(Event("1", "/shop", "order.paid", data={"id": 7}))

    assert judged.pattern.matches("order.paid")
    assert judged.filter is not None
    assert judged.dedupe is not None
    assert judged.debounce is not None
    assert judged.transform is not None
    assert judged.filter.holds(seen)
    assert (judged.dedupe.of(seen), judged.debounce.of(seen)) == ("7", "/shop")
    assert judged.transform.of(seen) == {"n": 7}
    assert judge_handler(parse_handler_spec(debounce())).debounce is None


@pytest.mark.parametrize("case", BAD)
def test_the_first_fault_is_told_with_its_field(case: str) -> None:
    bad, field = BAD[case]

    with pytest.raises(Invalid) as caught:
        parse_handler_spec(bad)

    assert caught.value.field == field
    assert caught.value.fault
    assert caught.value.instead
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("case", JUDGED)
def test_an_expression_that_cannot_be_used_is_told_with_its_field(case: str) -> None:
    bad, field = JUDGED[case]
    read = parse_handler_spec(bad)

    with pytest.raises(Invalid) as caught:
        judge_handler(read)

    assert caught.value.field == field
    assert "; " in caught.value.fault
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (
            spec(event="workflow.comp*"),
            (
                "spec.event: 'workflow.comp*' is not a type of events; write the type of the events, like "
                "workflow.completed, with * in the place of a whole segment for any, like workflow.*"
            ),
        ),
        (
            spec(action={"runJob": {"name": "a"}, "dispatchAgent": {"name": "b"}}),
            (
                "spec.action: does not say one thing to do (runJob and dispatchAgent); write exactly one of createJob, "
                "runJob, triggerWorkflow or dispatchAgent"
            ),
        ),
        (
            debounce(quiet="1m", maxWait="59s"),
            "spec.debounce.maxWait: is shorter than quiet (59s and 1m); write a maxWait that is at least quiet",
        ),
        (
            workflow(),
            (
                "spec.action.triggerWorkflow: does not say one workflow to run (nothing); write exactly one of name or "
                "resource"
            ),
        ),
        (None, "spec: is missing; write event and action"),
        ([], "spec: is not an object; write event and action"),
    ],
)
def test_a_fault_is_said_as_a_person_would(bad: Any, said: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_handler_spec(bad)

    assert str(caught.value) == said


@given(
    st.dictionaries(
        st.sampled_from([*FIELDS, "x"]), json_values | st.sampled_from([each for each, _ in BAD.values()]), max_size=4
    )
)
def test_any_json_is_read_or_refused(fields: dict[str, Any]) -> None:
    try:
        judge_handler(parse_handler({"metadata": META, "spec": {**spec(), **fields}}).spec)
    except Invalid as fault:
        assert fault.field.startswith("spec")  # noqa: PT017


@given(json_values)
def test_any_json_is_a_status_or_refused(value: Any) -> None:
    try:
        assert isinstance(parse_handler_status(value), EventHandlerStatus)
    except Invalid as fault:
        assert fault.field.startswith("status")  # noqa: PT017


def test_a_status_of_a_newer_version_is_read() -> None:
    found = parse_handler_status({"triggerCount": 5, "weather": "rain", "lastError": {"message": "x", "event": "e"}})

    assert (found.trigger_count, found.success_count, found.observed_generation) == (5, 0, -1)
    assert found.last_error is not None
    assert found.last_error.event == "e"
    assert parse_handler_status(None) == EventHandlerStatus()


def test_deleting_a_job_after_its_run_is_for_jobs_that_run_once() -> None:
    once = {"handler": HANDLER, "runAt": "2026-12-24T18:00:00Z", "ttlAfterFinished": "0s"}

    assert parse_spec(once).ttl_after_finished_ms == 0
    with pytest.raises(Invalid, match=r"spec\.ttlAfterFinished: is used only with runAt"):
        parse_spec({"handler": HANDLER, "every": "1m", "ttlAfterFinished": "1h"})
