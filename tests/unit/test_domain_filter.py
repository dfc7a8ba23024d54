"""CEL over an event: what expressions see, what they may cost, what is said of those that cannot be told."""

import json
import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kronstream.domain import filter as expressions
from kronstream.domain.event import Event
from kronstream.domain.filter import MAX_DATA, MAX_KEY, NAMES, Seen
from unit.cost import cost

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), inner, max_size=4),
    max_leaves=10,
)  # fmt: skip
ORDER = {"id": 7, "total": 12.5, "tags": ["a", "urgent"], "customer": {"name": "Zoë"}, "note": None}


def event(**fields: Any) -> Event:
    return Event(**{"id": "e-1", "source": "/shop", "type": "order.paid", "data": ORDER, **fields})


def seen(**fields: Any) -> Seen:
    return expressions.seen(event(**fields))


def nested(levels: int) -> Any:
    value: Any = 0
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "text",
    [
        'event.id == "e-1" && event.source == "/shop" && event.type == "order.paid"',
        'event.subject == "order/7" && event.platformid == "p-1" && event.traceid == "t-1"',
        'event.namespace == "shop"',
        'event.time == timestamp("2026-11-23T14:33:46.005Z") && event.time.getHours() == 14',
        "event.data.id == 7 && event.data.total > 12.0 && event.data.note == null",
        '"urgent" in event.data.tags && event.data.tags[0] == "a" && size(event.data.tags) == 2',
        'has(event.data.customer.name) && !has(event.data.customer.age) && event.data.customer.name == "Zoë"',
        "event.extensions.sampled == true && event.extensions.level == 3 && !has(event.extensions.other)",
        'event.source.startsWith("/s") && event.data["id"] in [7, 8]',
    ],
)
def test_expressions_see_the_event(text: str) -> None:
    extensions = {"platformid": "p-1", "traceid": "t-1", "namespace": "shop", "sampled": True, "level": 3}
    whole = seen(subject="order/7", time=1_795_444_426_005, extensions=extensions)

    assert expressions.compile(text).holds(whole) == expressions.Verdict(holds=True)


def test_what_an_event_does_not_have_is_empty() -> None:
    bare = expressions.seen(Event("1", "/", "t"))
    text = 'event.subject + event.platformid + event.traceid + event.namespace == "" && event.data == null'

    assert expressions.compile(text).holds(bare)
    assert expressions.compile('event.time == timestamp("1970-01-01T00:00:00Z")').holds(bare)
    assert expressions.compile("event.extensions == {}").holds(bare)


def test_false_is_said_and_no_error() -> None:
    found = expressions.compile("event.data.id == 8")

    verdict = found.holds(seen())

    assert (verdict.holds, bool(verdict), verdict.error, verdict.why) == (
        False,
        False,
        False,
        "is false: event.data.id == 8",
    )
    assert found.told(seen()).startswith('event.data.id == 8 (event.data is {"id": 7, "total": 12.5, ')
    assert expressions.compile("1 == 2").told(seen()) == "1 == 2"
    assert (
        expressions.compile('event.data == "x" || event.id == "y"')
        .told(seen(data="\0"))
        .endswith('(event.id is "e-1")')
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("event.data.nr == 7", "there is no 'nr'; ask with has(…) first where it may be missing"),
        ("event.data.customer.age > 3", "there is no 'age'; "),
        ("event.data.id.x == 1", "what is asked for a field is no object; compare it first, like "),
        ("event.data.tags[5] == 'a'", "index"),
        ("event.data.id > 'a'", "there is no > for (int64, string); compare what has the same type"),
        ("event.data.id", "it gives int, not true or false"),
        ("event.data.customer.name", "it gives string, not true or false"),
        ("1 / (event.data.id - 7) == 1", "divide by zero"),
        ("{'a': 1, event.data.tags[0]: 2} == {}", "duplicate key in map"),
    ],
)
def test_what_cannot_be_told_is_an_error_and_does_not_pass(text: str, why: str) -> None:
    verdict = expressions.compile(text).holds(seen())

    assert (verdict.holds, verdict.error) == (False, True)
    assert verdict.why.startswith("cannot be told: ")
    assert why.lower() in verdict.why.lower()
    assert "[" not in verdict.why.rpartition("…")[2] or "tags" in text


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("x" * MAX_DATA, f"event.data has {MAX_DATA + 2} bytes of JSON, and expressions see at most {MAX_DATA}"),
        (nested(33), "event.data is nested more than 32 levels deep"),
        (nested(100_000), "event.data is not JSON, or is nested too deeply to be read"),
        ({"a": ["x\0y"]}, "event.data holds a NUL character"),
        ({"\0": 1}, "event.data holds a NUL character"),
        ({"a": "\ud800"}, "event.data holds half a surrogate pair"),
        ({"\udfff": 1}, "event.data holds half a surrogate pair"),
        (math.nan, "event.data is not JSON"),
        (b"x", "event.data is not JSON"),
    ],
    ids=["large", "deep", "deeper", "nul", "nul-key", "surrogate", "surrogate-key", "nan", "bytes"],
)
def test_data_that_the_library_cannot_take_is_seen_by_nobody_and_said(data: Any, why: str) -> None:
    """A text ends at a NUL in the library, half a pair raises, and great depth would end the process."""
    found = seen(data=data)

    verdict = expressions.compile('event.data == "x"').holds(found)
    assert (verdict.holds, verdict.error) == (False, True)
    assert verdict.why.startswith(f"cannot be told: {why}")
    with pytest.raises(ValueError, match=why):
        expressions.compile_key("event.data").of(found)
    # who does not need it is not held up
    assert expressions.compile('event.id == "e-1" || event.data == "x"').holds(found)


def test_bounds_of_what_is_seen_are_inclusive() -> None:
    assert expressions.compile('event.data != ""').holds(seen(data="x" * (MAX_DATA - 2)))
    assert expressions.compile("event.data[0] != 0").holds(seen(data=nested(32)))
    assert expressions.compile("size(event.data) == 50").holds(seen(data=[[]] * 50))


def test_extensions_have_bounds_of_their_own() -> None:
    found = seen(extensions={"a": "x" * MAX_DATA})

    assert expressions.compile("event.data.id == 7").holds(found)
    assert "event.extensions has" in expressions.compile('event.extensions.a == ""').holds(found).why


def test_texts_are_cut() -> None:
    found = seen(id="é" * 5_000, subject="\ud800", source="a\0b")

    assert expressions.compile("size(event.id) == 1024").holds(found)
    assert expressions.compile('event.subject == "?"').holds(found)


@pytest.mark.parametrize(
    ("number", "text"),
    [(2**63 - 1, "event.data == 9223372036854775807"), (2**64 - 1, "event.data > 1"), (-(2**63), "event.data < 0")],
)
def test_numbers_as_large_as_the_library_knows(number: int, text: str) -> None:
    assert expressions.compile(text).holds(seen(data=number))


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1, 10**400])
def test_larger_numbers_are_an_error(number: int) -> None:
    assert expressions.compile("event.data > 1").holds(seen(data=number)).error


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty; write an expression like event.data.status == "),
        (" \n", "is empty; "),
        ("t" * 1_025, "has 1025 characters; write at most 1024"),
        (" " * 1_025, "has 1025 characters; write at most 1024"),
        ("event", "'event' is not known; write one of event.id, event.source, "),
        ("event.tpye == 'a'", "'event.tpye' is not known; write event.type"),
        ("event.dta.id == 'a'", "'event.dta.id' is not known; write event.data.id"),
        ("event.platformId == 'a'", "write event.platformid"),
        ("data.status == 'a'", "'data.status' is not known; write event.data.status"),
        ("subject == 'a'", "'subject' is not known; write event.subject"),
        ("x == 'a'", "'x' is not known; write one of event.id, "),
        ("event.id", "gives string, not true or false; write a comparison like "),
        ("event.id > 5", "found no matching overload for > applied to '(string, int)'"),
        ("event.id = 'a'", "write == to compare"),
        ("event.id ==", "at character "),
        ("(" * 400 + "true" + ")" * 400, "is nested too deeply"),
        ("event.data.a.exists(x, x == 1)", "'exists' cannot be used; write the place of what is meant, like "),
        ("[1].all(x, x == 1)", "'all' cannot be used"),
        ("[1].map(x, x) == [1]", "'map' cannot be used"),
        ("[1].filter(x, x == 1) == []", "'filter' cannot be used"),
        ("event.id.matches('(a+)+$')", "'matches' cannot be used; write contains, startsWith or endsWith"),
        ("event.time.getHours('/dev/zero') == 1", "'getHours' cannot be used; write it with nothing in the brackets"),
        ("has(event.subject)", 'cannot be asked, for it always has a value; write event.subject != ""'),
        ("has( event.data )", "has(event.data) cannot be asked, for it always has a value; write event.data != null"),
        ("!has(event.time)", 'write event.time != timestamp("1970-01-01T00:00:00Z")'),
        ("\ud800", "is not an expression"),
    ],
)  # fmt: skip
def test_what_is_no_filter_is_told_when_it_is_read(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)) as refused:
        expressions.compile(text)

    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    "text",
    ["event.data[event.data.token] == 1", "{'a': 1}[event.data.token] == 1", "event.extensions[event.data.token]"],
)
def test_what_an_error_says_is_nothing_that_the_event_holds(text: str) -> None:
    told = expressions.seen(Event("1", "/a", "a.b", {"token": "hunter2"}))
    verdict = expressions.compile(text).holds(told)
    assert verdict.error
    assert verdict.why == "cannot be told: there is no such key; ask with has(…) first where it may be missing"
    with pytest.raises(ValueError, match="there is no such key") as refused:
        expressions.compile_key(text).of(told)
    assert "hunter2" not in str(refused.value)


def test_words_in_a_text_are_no_words() -> None:
    assert expressions.compile('event.data == "has(event.id)"').holds(seen(data="has(event.id)"))
    assert expressions.compile("event.data == 'a\\'has(event.id)'").holds(seen(data="a'has(event.id)"))


def test_the_same_text_is_read_once() -> None:
    assert expressions.compile("event.data.id == 1") is expressions.compile("event.data.id == 1")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("event.data.customer.name", "Zoë"),
        ("event.data.id", "7"),
        ("event.data.total", "12.5"),
        ("event.data.id == 7", "true"),
        ("event.data.tags", '["a","urgent"]'),
        ('{"b": 1, "a": event.data.id}', '{"a":7,"b":1}'),
        ("event.time", '"1970-01-01T00:00:00Z"'),
        ('event.source + "/" + string(event.data.id)', "/shop/7"),
    ],
)
def test_a_key_is_a_text(text: str, key: str) -> None:
    found = expressions.compile_key(text)

    assert found.of(seen()) == key
    assert found.text == text


def test_a_long_key_is_a_digest() -> None:
    found = expressions.compile_key("event.data")

    assert found.of(seen(data="x" * MAX_KEY)) == "x" * MAX_KEY
    one, other = (found.of(seen(data="x" * MAX_KEY + last)) for last in "ab")
    assert len(one) == len(other) == 20
    assert one != other


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("event.data.note", "gives null, which tells nothing apart; write what every event has"),
        ("event.data.nr", "cannot be told: there is no 'nr'"),
        ("event.data.id / 0", "cannot be told: divide by zero"),
        ("{'a': 1, event.data.tags[0]: 2}", "cannot be told: duplicate key in map"),
        ("event.data.total / 0.0", "gives what is no JSON: "),
        ("[b'x']", "gives what is no JSON: "),
        ("{1: 2, 'a': 3}", "gives what is no JSON: "),
    ],
)
def test_a_key_that_cannot_be_told_is_said(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        expressions.compile_key(text).of(seen())


@pytest.mark.parametrize(
    ("read", "text", "said"),
    [
        (expressions.compile_key, "", "is empty; write an expression like event.data.order_id"),
        (expressions.compile_key, "null", '"null" gives null, which is no text; write one like event.data.order_id'),
        (expressions.compile_key, "type(1)", "gives type, which is no text"),
        (expressions.compile_transform, "b'x'", "gives bytes, which is no JSON; write one like "),
        (expressions.compile_transform, "", "is empty; write an expression like {"),
        (expressions.compile_transform, "[1].map(x, [x, x])", "'map' cannot be used"),
    ],
)  # fmt: skip
def test_what_is_no_key_and_no_transform(read: Any, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        read(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("event.data", ORDER),
        ("null", None),
        ('{"id": event.data.id, "at": event.time, "for": duration("90s"), "n": 5u}',
         {"id": 7, "at": "1970-01-01T00:00:00Z", "for": "90s", "n": 5}),
        ("[event.id, event.data.total, true]", ["e-1", 12.5, True]),
        ("{1: event.id, 2: 1}", {"1": "e-1", "2": 1}),
        ('event.data.id > 5 ? "many" : "few"', "many"),
    ],
)  # fmt: skip
def test_a_transform_gives_json(text: str, found: Any) -> None:
    transform = expressions.compile_transform(text)

    assert transform.of(seen()) == found
    assert transform.text == text


@given(JSON)
def test_data_comes_through_as_it_was(data: Any) -> None:
    assert expressions.compile_transform("event.data").of(seen(data=data)) == data


@given(JSON, st.sampled_from(["event.data == event.id", "event.data.a == 1", "event.data", "event.data[0] > 1"]))
def test_any_event_is_judged_and_nothing_raises(data: Any, text: str) -> None:
    verdict = expressions.compile(text).holds(seen(data=data))

    assert verdict.error == verdict.why.startswith("cannot be told: ")
    assert not (verdict.holds and verdict.why)


@given(st.text(st.sampled_from("event.datid()[]{}+-<>=!&|?:,'\" 019nul\\\0é"), max_size=40))
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    for read in (expressions.compile, expressions.compile_key, expressions.compile_transform):
        try:
            read(text)
        except ValueError as fault:
            assert str(fault)  # noqa: PT017


def test_no_expression_costs_much() -> None:
    """The longest that can be written, over the largest data; without loops the cost follows the text's length."""
    wide = seen(data={"s": "x" * 16_000})
    texts = [
        " + ".join(["event.data.s"] * 25) + ' == ""',
        " || ".join(["event.data.s.contains('xy')"] * 32),
        "[" * 12 + "event.data.s" + "]" * 12 + " == []",
        " && ".join(["event.data.s == event.data.s"] * 31),
    ]
    for text in texts:
        assert len(text) <= 1_024
        assert not expressions.compile(text).holds(wide).error or "[" in text
        assert cost(lambda text=text: expressions.compile(text).holds(wide)) < 0.5


def test_a_million_rounds_are_not_to_be_had() -> None:
    rounds = "[0,1,2,3,4,5,6,7,8,9]"
    text = f"{rounds}.all(a, {rounds}.all(b, {rounds}.all(c, {rounds}.all(d, {rounds}.all(e, {rounds}.all(f, true))))))"

    with pytest.raises(ValueError, match="'all' cannot be used"):
        expressions.compile(text)


def test_an_event_is_converted_once_for_many_handlers() -> None:
    found = seen()
    filters = [expressions.compile(f"event.data.id == {number}") for number in range(1_000)]

    assert [number for number, each in enumerate(filters) if each.holds(found)] == [7]


def test_every_name_is_there() -> None:
    assert set(seen().data) == set(NAMES)
    assert json.loads(json.dumps(NAMES)) == dict(NAMES)


def test_a_time_past_the_year_9999_is_seen_by_nobody() -> None:
    found = seen(time=10**15)

    assert expressions.compile('event.id == "e-1"').holds(found)
    why = expressions.compile('event.time > timestamp("2026-01-01T00:00:00Z")').holds(found).why
    assert why == "cannot be told: event.time is past the year 9999"
