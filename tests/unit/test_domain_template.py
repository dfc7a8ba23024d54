"""Templates: what is put in, what is refused when read, and what a hostile payload or text can do (nothing)."""

import contextlib
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kronstream.domain import template
from kronstream.domain.template import MAX_DATA, MAX_EXPRESSIONS, Unfilled, Values
from unit.cost import cost

RUN = {
    "id": "u-s1795454707000", "trigger": "schedule", "trace": "ab" * 16, "nominal": 1795454707000,
    "deadline": 1795454707500, "previous": None, "attempt": 2, "maxAttempts": 4,
}  # fmt: skip
JOB = {"namespace": "shop", "name": "report", "platformId": None}
PAYLOAD: dict[str, Any] = {"text": 'x/ y?é"', "n": 3, "f": 2.5, "list": [1, {"z": None}], "yes": True, "none": None}


def values(payload: Any = PAYLOAD, last: tuple[int, str] | None = None, **run: Any) -> Values:
    return Values({**RUN, **run}, JOB, payload, last)


def render(text: str, **fields: Any) -> str:
    return template.compile(text).render(values(**fields))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ""),
        ("nothing to put in", "nothing to put in"),
        ("${run.id}", "u-s1795454707000"),
        ("a${job.namespace}/${job.name}b", "ashop/reportb"),
        ("${run.nominal} ${run.deadline}", "2026-11-23T17:25:07Z 2026-11-23T17:25:07.500Z"),
        ("${run.attempt} of ${run.maxAttempts}", "2 of 4"),
        ("[${run.previous}${last.nominal}${last.run}${job.platformId}${payload.none}]", "[]"),
        ("${payload.text}", 'x/ y?é"'),
        ("${payload.n} ${payload.f} ${payload.yes}", "3 2.5 true"),
        ("${payload.list} ${payload.list[1]}", '[1,{"z":null}] {"z":null}'),
        ("${payload.n + 1}", "4"),
        ('${has(payload.gone) ? payload.gone : "none"}', "none"),
        ("${json(payload.text)} ${json(last.run)} ${json(payload.n)}", '"x/ y?é\\"" null 3'),
        ("${json(run.nominal)}", '"2026-11-23T17:25:07Z"'),
        ('${json({"since": run.nominal, "for": duration("90s")})}', '{"for":"90s","since":"2026-11-23T17:25:07Z"}'),
        ('${run.nominal - duration("1h")}', "2026-11-23T16:25:07Z"),
        ('${duration("90s")} ${duration("1500ms")}', "90s 1.5s"),
        ('${last.run == null ? "first" : last.run}', "first"),
        ("$${run.id} $$ $x $${${run.id}}", "${run.id} $$ $x ${u-s1795454707000}"),
        ('${"}"}${\'{\'}${"a\\"}b"}', '}{a"}b'),
        ('${{"a": {"b": 1}}}', '{"a":{"b":1}}'),
        ("{${run.attempt}}", "{2}"),
        ("${[run.previous, last.nominal]}", "[null,null]"),
        ("${ run.id }", "u-s1795454707000"),
    ],
)
def test_what_is_put_in(text: str, found: str) -> None:
    assert render(text) == found


def test_of_the_run_before_and_the_last_success() -> None:
    text = '${run.previous} ${last.nominal} ${last.run} ${run.nominal - timestamp(run.previous) > duration("59m")}'

    assert render(text, previous=1795451107000, last=(1795447507000, "u-s1795447507000")) == (
        "2026-11-23T16:25:07Z 2026-11-23T15:25:07Z u-s1795447507000 true"
    )


def test_a_map_is_written_the_same_each_time() -> None:
    payload = dict.fromkeys("zyxwvutsrqponmlkjihgfedcba", 0)

    assert render("${payload}", payload=payload) == render("${payload}", payload=dict(sorted(payload.items())))


def test_a_part_is_known_by_where_it_comes_from() -> None:
    found = template.compile("a${run.attempt}b$${")

    assert not found.fixed
    assert list(found.pieces(values())) == [(False, "a"), (True, "2"), (False, "b${")]
    assert template.compile("a").fixed


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("${payload.gone}", '${payload.gone} cannot be told: Key not found in map : "gone"'),
        ("${payload.list[7]}", "index=7 size=2"),
        ("${1 / (payload.n - 3)}", "divide by zero"),
        ("${payload.n + payload.text}", "No matching overloads found"),
        ("${timestamp(payload.text)}", "cannot be told"),
        ('${bytes("a")}', "it gives bytes, which is no text"),
        ("${type(1)}", "it gives type, which is no text"),
        ("${-1.0 / 0.0}", "not JSON compliant"),
        ('${[bytes("a")]}', "bytearray is no JSON"),
    ],
)
def test_what_gives_nothing_is_told_with_its_expression(text: str, why: str) -> None:
    with pytest.raises(Unfilled) as caught:
        render(text)

    assert why in str(caught.value)
    assert str(caught.value).startswith(text[:20])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("${run.idd}", "'run.idd' is not known; write run.id"),
        ("${order.id}", "'order.id' is not known; write one of run.id"),
        ("${last.nominl}", "write last.nominal"),
        ("${run.id", '"${run.id" has no closing brace; write ${payload.name}, or $${ for'),
        ('${"}', "has no closing brace"),
        ("a${}", "has an expression of nothing"),
        ("${ }", "has an expression of nothing"),
        ("${run.id + 1}", "at character 8: found no matching overload for +"),
        ("${run.attempt = 1}", "write == to compare"),
        ("${payload.all(x, x > 1)}", "'all' cannot be used; write the place of what is meant"),
        ('${run.id.matches("u")}', "'matches' cannot be used; write contains"),
        ('${run.nominal.getHours("Europe/Berlin")}', "'getHours' cannot be used; write it with nothing"),
        (f"${{{'1 + ' * 400}1}}", "has 1601 characters; write at most 1024"),
        ("${run.attempt}" * (MAX_EXPRESSIONS + 1), "has more than 32 expressions"),
    ],
)
def test_what_cannot_be_read_says_what_to_write(text: str, says: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - its words are below
        template.compile(text)

    assert says in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_large_payload_is_for_those_only_who_do_not_use_it() -> None:
    large = {"blob": "x" * MAX_DATA}

    assert render("${run.attempt}", payload=large) == "2"
    with pytest.raises(Unfilled, match=rf"payload has {MAX_DATA + 11} bytes of JSON, and templates can use one of at"):
        render("${payload.blob}", payload=large)
    assert len(render("${payload}", payload="x" * (MAX_DATA - 2))) == MAX_DATA - 2


def test_a_deep_payload_is_refused_before_the_library_sees_it() -> None:
    deep: Any = 0
    for _ in range(33):
        deep = [deep]

    with pytest.raises(Unfilled, match="nested more than 32 levels deep"):
        render("${payload}", payload=deep)
    assert render("${payload}", payload=deep[0]) == "[" * 32 + "0" + "]" * 32


@pytest.mark.parametrize("payload", [{"n": 2**70}, {"a": "\ud800"}, {"\ud800": 1}], ids=["large", "half", "half-key"])
def test_what_the_library_has_no_word_for_is_an_error(payload: Any) -> None:
    with pytest.raises(Unfilled, match="cannot be told"):
        render("${payload.n}", payload=payload)


@pytest.mark.parametrize("payload", ["a\0b", {"x": ["\0"]}, {"a\0": 1}])
def test_a_text_is_not_cut_at_a_nul(payload: Any) -> None:
    with pytest.raises(Unfilled, match="payload holds a NUL character"):
        render("${json(payload)}", payload=payload)


def test_an_instant_that_no_calendar_has_is_an_error() -> None:
    with pytest.raises(Unfilled, match="cannot be told"):
        render("${run.nominal}", nominal=10**18)


@pytest.mark.parametrize(
    "text",
    [
        "${" + "json(" * 20 + "payload.text" + ")" * 20 + "}",
        "${" + "[" * 100 + "payload" + "]" * 100 + "}",
        "${" + " + ".join(["payload.long"] * 60) + "}",
        "${" + "[payload" + ", payload" * 90 + "]}",
        "${" + "(" * 500 + "1" + ")" * 500 + "}",
    ],
    ids=["quotes", "lists", "sum", "copies", "brackets"],
)
def test_no_text_takes_long_or_much(text: str) -> None:
    found = ""

    def render() -> None:
        nonlocal found
        with contextlib.suppress(ValueError):
            found = template.compile(text).render(values({**PAYLOAD, "long": "x" * 8_000}))

    assert cost(render) < 1
    assert len(found) < 1_000_000


def test_the_library_is_loaded_by_the_first_expression() -> None:
    code = (
        "import sys; from kronstream.domain import template; template.compile('plain'); "
        "assert not any('cel_expr' in name for name in sys.modules); template.compile('${run.id}'); "
        "assert any('cel_expr' in name for name in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@given(st.text(alphabet="${}'\"\\ab1 .+", max_size=60))
def test_any_text_is_a_template_or_told_why_not(text: str) -> None:
    told = "read and filled in"
    try:
        template.compile(text).render(values())
    except ValueError as fault:
        told = str(fault)

    assert told


@given(st.text(alphabet="${}ab'\"", max_size=60))
def test_what_is_escaped_comes_out_as_it_was(text: str) -> None:
    assert template.compile(text.replace("${", "$${")).render(values()) == text
