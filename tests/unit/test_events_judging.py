"""What an event is to cause by a handler, or why nothing: pure decisions."""

import json
from typing import Any

import pytest

from kronstream.domain.filter import MAX_DATA
from kronstream.domain.run import digest
from kronstream.events.hearing import MOST_DELIVERIES, heard
from kronstream.operations.listener import Listener
from kronstream.operations.routing import Heard, Passed, Wish, added_at, effect, judged, wishes
from kronstream.operations.targets import Target
from kronstream.ports import Debounce, Dedupe, EffectKind, Entry, EventLetter, Pace
from kronstream.resources.cloudevent import read_event
from unit.eventstage import CREATE_JOB, JOB_UID, KEY, STREAM, event, handler, uid
from unit.fakecluster import NOW

TARGET = Target(JOB_UID, 4, {"own": 1}, None, 0)


def listener(**fields: Any) -> Listener:
    found = handler(**fields).listener
    assert found is not None, handler(**fields).fault
    return found


def hear(text: str, added: int | None = None) -> Heard:
    return Heard(read_event(text), text, added)


def wish(text: str, **fields: Any) -> Wish:
    found = judged(listener(**fields), hear(text), "item")
    assert isinstance(found, Wish), found
    return found


def passed(text: str, **fields: Any) -> Passed:
    found = judged(listener(**fields), hear(text), "item")
    assert isinstance(found, Passed)
    return found


def test_a_run_has_the_jobs_payload_with_the_event_on_top() -> None:
    found = effect(wish(event(data=[1], traceid="abc", chaindepth=2)), TARGET, NOW)

    assert (found.handler, found.generation, found.kind) == (KEY, 1, EffectKind.RUN)
    assert found.request is not None
    assert json.loads(found.request.payload or "") == {"own": 1, "event_data": [1], "event_name": "order.created"}
    assert (found.request.uid, found.request.generation, found.request.nominal) == (JOB_UID, 4, NOW)
    assert found.request.run == f"{JOB_UID}-eitem"
    assert (found.request.trace, found.request.depth, found.request.by) == ("abc", 3, "event-scheduler")
    assert json.loads(found.body) == {"event": json.loads(event(data=[1], traceid="abc", chaindepth=2))}


def test_a_run_of_the_handlers_own_has_its_identity_and_generation() -> None:
    action = {"dispatchAgent": {"name": "reviewer", "payload": "text"}}
    found = effect(wish(event(data={"a": 1}), action=action, generation=7), None, NOW)

    assert found.request is not None
    assert (found.request.uid, found.request.generation) == (KEY, 7)
    assert len(found.request.run.replace("item", "0" * 20)) <= 63
    assert json.loads(found.request.payload or "") == {
        "payload": "text",
        "event_data": {"a": 1},
        "event_name": "order.created",
    }


def test_the_identity_is_that_of_event_and_handler() -> None:
    one, two = listener(), listener(uid=uid(2))
    items = [found.item for found in wishes(hear(event()), [one, two]) if isinstance(found, Wish)]

    assert items == [digest("/tests", "1", KEY), digest("/tests", "1", f"eh.{uid(2)}")]


def test_a_transform_alone_makes_the_payload() -> None:
    found = effect(wish(event(data={"id": 7}), transform='{"order": event.data.id}'), TARGET, NOW)

    assert found.request is not None
    assert json.loads(found.request.payload or "") == {"order": 7}


@pytest.mark.parametrize("size", [65_535, 65_536])
def test_the_largest_event_that_is_taken_in_can_be_kept(size: int) -> None:
    text = event(data="x" * (size - len(event(data=""))))
    assert len(text) == size

    assert len(wish(text).heard.body) > size


@pytest.mark.parametrize(
    ("data", "transform"),
    [("x" * 60_000, '{"a": event.data}'), ({"id": 1}, "event.data.missing"), ("x" * 65_000, None)],
)
def test_a_payload_that_cannot_be_made_is_left_to_an_attempt_that_fails(data: Any, transform: str | None) -> None:
    fields = {} if transform is None else {"transform": transform}
    big = Target(JOB_UID, 4, {"own": "y" * 2_000}, None, 0)
    found = effect(wish(event(data=data), **fields), big, NOW)

    assert found.request is None
    assert found.retry_in == 0


def test_a_job_that_is_not_there_is_looked_for_after_the_first_backoff() -> None:
    retry = {"limit": 2, "backoff": {"initial": "3s", "jitter": 0.0}}

    assert effect(wish(event(), retry=retry), None, NOW).retry_in == 3000
    assert effect(wish(event(), retry={"limit": 0}), None, NOW).retry_in == 0


def test_what_has_to_wait_is_asked_for_with_its_keys() -> None:
    found = wish(
        event(data={"order": "o-1", "repository": "r"}),
        action=CREATE_JOB,
        dedupe={"key": "event.data.order", "window": "10m"},
        debounce={"quiet": "2s", "key": "event.data.repository", "take": "First"},
        rateLimit={"count": 3, "per": "1m", "over": "Delay"},
    )
    asked = effect(found, None, NOW)

    assert asked.kind is EffectKind.CREATE
    assert asked.request is None
    assert asked.dedupe == Dedupe("o-1", 600_000)
    assert asked.debounce == Debounce("r", 2_000, 20_000, last=False)
    assert asked.pace == Pace(3, 60_000, delay=True)


def test_a_filter_lets_pass_stops_or_cannot_tell() -> None:
    fields = {"filter": "event.data.count > 3"}

    assert wish(event(data={"count": 4}), **fields)
    stopped = passed(event(data={"count": 3}), **fields)
    assert (stopped.error, stopped.why) == (False, "filter is false: event.data.count > 3")
    odd = passed(event(data={}), **fields)
    assert odd.error
    assert "count" in odd.why


def test_a_key_that_cannot_be_told_is_an_error_with_its_place() -> None:
    found = passed(event(), dedupe={"key": "event.data.order", "window": "1s"})

    assert found.error
    assert found.why.startswith("dedupe.key: ")


def test_data_beyond_what_expressions_see_harms_those_alone_that_ask() -> None:
    large = event(data="x" * (MAX_DATA + 1))

    assert wish(large)
    assert passed(large, filter='event.data == "x"').error


def test_an_event_much_older_than_the_handler_is_not_for_it() -> None:
    one = listener()  # created 10 s before NOW

    assert list(wishes(hear(event(), one.created - 60_001), [one])) == []
    assert len(list(wishes(hear(event(), one.created - 60_000), [one]))) == 1
    assert added_at("12-0") is None, "an id that somebody made up is no instant"
    assert added_at(f"{NOW}-5") == NOW


def entry(fields: dict[str, str], deliveries: int = 1) -> Entry:
    return Entry(STREAM, f"{NOW}-0", fields, deliveries)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"event": "{"}, "NotJson"),
        ({"data": "x"}, "NoEvent"),
        ({"event": event(specversion="9")}, "UnknownVersion"),
        ({"event": event(time="2036-01-01T00:00:00Z")}, "FromTheFuture"),
        ({"event": event(chaindepth=10)}, "ChainTooDeep"),
        ({"event": event(source="")}, "Invalid"),
        ({"event": event(data="x" * 70_000)[:65_537]}, "TooLarge"),
    ],
)
def test_what_nobody_can_act_on_is_a_letter_with_the_reason(fields: dict[str, str], reason: str) -> None:
    found = heard(entry(fields), NOW, outcome=False)

    assert isinstance(found, EventLetter)
    assert found.reason == reason
    assert (found.stream, found.entry, found.handler) == (STREAM, f"{NOW}-0", "")
    assert found.message
    assert found.text == fields.get("event", '["data"]')


def test_of_an_entry_that_is_no_event_the_letter_has_no_values_and_not_every_name() -> None:
    fields = {"password": "hunter2", "n" * 5_000: "x", **{f"field-{number}": "x" for number in range(1_000)}}
    for found in (heard(entry(fields), NOW, outcome=False), heard(entry(fields, 9), NOW, outcome=False)):
        assert isinstance(found, EventLetter)
        assert found.text.startswith(f'["password", "{"n" * 200}", "field-0", ')
        assert "hunter2" not in found.text + found.message
        assert len(json.loads(found.text)) == 100


def test_an_entry_that_ends_the_router_again_and_again_is_set_aside() -> None:
    well = heard(entry({"event": event()}, MOST_DELIVERIES), NOW, outcome=False)
    poison = heard(entry({"event": event()}, MOST_DELIVERIES + 1), NOW, outcome=False)

    assert isinstance(well, Heard)
    assert isinstance(poison, EventLetter)
    assert poison.reason == "TooManyDeliveries"


def test_outcomes_are_read_from_their_fields() -> None:
    fields = {"kind": "failed", "run": f"{JOB_UID}-s1", "ns": "default", "uid": JOB_UID, "nm": "falls", "at": str(NOW)}
    found = heard(Entry("outcomes", f"{NOW}-0", fields), NOW, outcome=True)

    assert isinstance(found, Heard)
    assert found.event.type == "kronstream.run.failed"
    assert read_event(found.text) == found.event
    odd = heard(Entry("outcomes", f"{NOW}-0", {"kind": "odd"}), NOW, outcome=True)
    assert isinstance(odd, EventLetter)
    assert (odd.reason, odd.text) == ("Invalid", '{"kind": "odd"}')
