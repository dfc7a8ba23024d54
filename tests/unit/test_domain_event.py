"""Events, patterns of their types, and the payload that an action makes of one."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kronstream.domain import filter as expressions
from kronstream.domain.depth import LEVELS, too_deep
from kronstream.domain.event import CHAIN, CHAIN_LIMIT, Event
from kronstream.domain.eventpattern import GRAMMAR, MAX_LENGTH, Pattern
from kronstream.domain.eventpayload import MAX_BYTES, Unpayable, payload


def event(**fields: Any) -> Event:
    return Event(**{"id": "1", "source": "/shop", "type": "order.paid", **fields})


def nested(levels: int) -> Any:
    value: Any = 0
    for _ in range(levels):
        value = [value]
    return value


def test_the_extensions_tell_where_it_belongs() -> None:
    told = {"platformid": "p-1", "namespace": "shop", "traceid": "t-1", "traceparent": "00-1", CHAIN: 3}

    found = event(extensions=told)

    assert (found.platform, found.namespace, found.trace, found.depth) == ("p-1", "shop", "t-1", 3)
    assert event(extensions={"traceparent": "00-1"}).trace == "00-1"
    assert event(extensions={"platformid": 5, "namespace": True}).platform == "5"


@pytest.mark.parametrize("extensions", [{}, {"platformid": "", "namespace": "", "traceid": ""}])
def test_what_it_does_not_tell_is_none(extensions: dict[str, str]) -> None:
    found = event(extensions=extensions)

    assert (found.platform, found.namespace, found.trace, found.depth) == (None, None, None, 0)


@pytest.mark.parametrize(
    ("value", "depth"),
    [
        (0, 0), (7, 7), ("7", 7), (" 12 ", 12), ("0", 0), (-1, 0), ("-1", 0), (True, 0), ("", 0), ("x", 0), ("1.5", 0),
        ("²", 0), ("٣", 0), ("9" * 100, 10**9), (10**30, 10**30),
    ],
)  # fmt: skip
def test_the_depth_of_a_chain_is_a_number_whatever_was_written(value: str | int | bool, depth: int) -> None:
    assert event(extensions={CHAIN: value}).depth == depth
    assert (depth >= CHAIN_LIMIT) == (depth > 9)


def test_its_structured_form_has_what_is_there() -> None:
    assert event().dump() == {"specversion": "1.0", "id": "1", "source": "/shop", "type": "order.paid"}
    full = event(
        data={"a": None},
        subject="order/7",
        time=1_795_444_426_005,
        datacontenttype="application/json",
        dataschema="https://example.com/order",
        extensions={"platformid": "p-1", CHAIN: 0, "sampled": False},
    )
    assert full.dump() == {
        "specversion": "1.0",
        "id": "1",
        "source": "/shop",
        "type": "order.paid",
        "subject": "order/7",
        "time": "2026-11-23T14:33:46.005Z",
        "datacontenttype": "application/json",
        "dataschema": "https://example.com/order",
        "platformid": "p-1",
        CHAIN: 0,
        "sampled": False,
        "data": {"a": None},
    }
    assert event(data_base64="AA==", time=0).dump()["data_base64"] == "AA=="
    assert event(time=0).dump()["time"] == "1970-01-01T00:00:00.000Z"
    with pytest.raises(OverflowError):
        event(time=10**15).dump()


def test_its_repr_keeps_its_data_to_itself() -> None:
    shown = repr(event(data={"password": "x1"}, data_base64="eDE=", extensions={"token": "x1"}))

    assert "order.paid" in shown
    assert not re.search("x1|eDE", shown)


@pytest.mark.parametrize(
    ("text", "types", "others"),
    [
        ("order.paid", ["order.paid"], ["order.paid.x", "order", "order.Paid", "", "order.*"]),
        ("order.*", ["order.paid", "order.*", "order.a b"], ["order", "order.", "order.a.b", "x.order.paid"]),
        ("*", ["a", "*", "ä"], ["", "a.b", "."]),
        ("*.*.done", ["a.b.done", "*.*.done"], ["a.done", ".b.done", "a..done", "a.b.c.done"]),
    ],
)
def test_a_star_stands_for_one_segment(text: str, types: list[str], others: list[str]) -> None:
    pattern = Pattern.read(text)

    assert [each for each in (*types, *others) if pattern.matches(each)] == types
    assert pattern.exact == ("*" not in text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", '"" is empty; write the type of the events, like workflow.completed, with * in the place of '),
        ("order.**", "would stand for any number of segments, and * stands for exactly one; "),
        ("order.p*", '"order.p*" has a * beside other characters, and it stands for a whole segment; '),
        ("order.", "has nothing before, after or between two dots; "),
        (".", "has nothing before, after"),
        ("a b", '"a b" has spaces or control characters; '),
        ("a\n", '"a\\n" has spaces or control characters; '),
        ("x " * 50, "x x…"),
        ("a" * 256, "has 256 characters; write at most 255"),
    ],
)
def test_what_is_no_pattern(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        Pattern.read(text)


words = st.text("ab*.", min_size=1, max_size=9)


@given(words, words)
def test_a_pattern_is_what_its_regular_expression_is(text: str, called: str) -> None:
    try:
        pattern = Pattern.read(text)
    except ValueError:
        assert not re.fullmatch(GRAMMAR, text)
        return
    oracle = "[.]".join("[^.]+" if segment == "*" else re.escape(segment) for segment in text.split("."))
    assert pattern.matches(called) == bool(re.fullmatch(oracle, called))
    assert not pattern.exact or pattern.matches(text)


@given(st.text(max_size=MAX_LENGTH + 2))
def test_any_text_is_a_pattern_or_refused(text: str) -> None:
    try:
        assert Pattern.read(text).text == text
    except ValueError as fault:
        assert "; write" in str(fault)  # noqa: PT017
        assert len(str(fault)) < 400  # noqa: PT017


def test_the_payload_has_the_event_on_top() -> None:
    completed = event(type="workflow.completed", data={"workflow_id": "123"})

    assert payload(completed, {"retention_days": 30, "event_name": "mine"}) == {
        "retention_days": 30,
        "event_data": {"workflow_id": "123"},
        "event_name": "workflow.completed",
    }
    assert payload(completed) == {"event_data": {"workflow_id": "123"}, "event_name": "workflow.completed"}


@pytest.mark.parametrize("own", [[1], "text", 0, False])
def test_a_payload_that_is_no_object_goes_under_payload(own: Any) -> None:
    assert payload(event(), own) == {"payload": own, "event_data": None, "event_name": "order.paid"}


def test_data_that_came_as_bytes_stays_base64() -> None:
    assert payload(event(data_base64="AAE="))["event_data"] == "AAE="


def test_a_transform_makes_it_alone() -> None:
    paid = event(data={"order": 7})
    transform = expressions.compile_transform('{"order": event.data.order, "by": event.source}')

    assert payload(paid, {"own": 1}, transform) == {"order": 7, "by": "/shop"}
    assert payload(paid, None, expressions.compile_transform("event.data.order"), expressions.seen(paid)) == 7


@pytest.mark.parametrize(
    ("given", "own", "said"),
    [
        (
            event(data="x" * MAX_BYTES),
            None,
            r"the payload has 655\d\d bytes of JSON and 65536 are allowed; pass on less",
        ),
        (event(data=nested(32)), None, "the payload is nested more than 32 levels deep; pass on less"),
        (event(data=float("nan")), None, "the payload is not JSON"),
        (event(data="\ud800"), None, "the payload is not JSON"),
    ],
)
def test_what_becomes_too_large_or_is_no_json_is_refused(given: Event, own: Any, said: str) -> None:
    with pytest.raises(Unpayable, match=said):
        payload(given, own)


def test_bounds_are_inclusive() -> None:
    room = MAX_BYTES - len(json.dumps(payload(event(data="")), separators=(",", ":")))

    assert payload(event(data="x" * room))
    assert payload(event(data=nested(31)))
    with pytest.raises(Unpayable):
        payload(event(data="x" * (room + 1)))


def test_a_transform_that_cannot_be_told_is_said() -> None:
    missing = expressions.compile_transform("event.data.order")

    with pytest.raises(Unpayable, match=r'transform: "event\.data\.order" cannot be told: there is no .order.'):
        payload(event(data={}), None, missing)


def test_depth_is_counted_in_lists_and_maps() -> None:
    assert not too_deep(nested(LEVELS))
    assert too_deep(nested(LEVELS + 1))
    assert not too_deep({"a": [{}, 1, "x", None]})
    assert too_deep(nested(100_000))
