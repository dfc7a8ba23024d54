"""Conditions: what holds, what does not, and what a hostile text can do (nothing)."""

import subprocess
import sys
import threading
from typing import Any

import pytest

from kronstream.domain import condition, expression
from kronstream.domain.condition import Verdict
from unit.cost import cost

JOB = {"namespace": "shop", "name": "report"}
RUN = {"id": "u-s1795454707000", "trigger": "schedule", "nominal": 1795454707000, "zone": "Europe/Berlin"}
FAILED = {
    "status": "failed",
    "startedAt": 1795450000000,
    "finishedAt": 1795450001500,
    "durationMs": 1500,
    "message": "disk full",
    "consecutiveFailures": 2,
}
RUNNING = FAILED | {"status": "running", "finishedAt": None, "durationMs": None, "message": None}


def verdict(text: str, last: dict[str, Any] | None = None, **run: object) -> Verdict:
    return condition.compile(text).holds(JOB, RUN | run, last)


@pytest.mark.parametrize(
    "text",
    [
        'last.status == "none"',
        'last.status != "failed" || run.trigger == "manual"',
        'job.namespace == "shop" && job.name.startsWith("rep")',
        'run.id.endsWith("-s1795454707000")',
        'run.nominal == timestamp("2026-11-23T18:25:07+01:00")',
        'run.nominal == timestamp("2026-11-23T17:25:07Z")',
        "run.nominal.getHours() == 17",
        "run.year == 2026 && run.month == 11 && run.day == 23",
        "run.weekday == 1 && run.hour == 18 && run.minute == 25",
        'run.nominal - last.finishedAt > duration("1h")',
        "last.durationMs == 0 && last.consecutiveFailures == 0",
        'last.message == ""',
        "true // whatever the last run did",
        'last.status in ["none", "success"]',
        "dyn(true)",
    ],
)
def test_what_holds_before_the_first_run(text: str) -> None:
    assert verdict(text) == Verdict(holds=True)
    assert verdict(text, {"status": "none"})


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ('last.status == "failed"', True),
        ('last.status == "success"', False),
        ("last.consecutiveFailures < 3", True),
        ("last.durationMs > 1000 && last.durationMs < 2000", True),
        ('last.message.contains("disk full")', True),
        ('run.nominal - last.startedAt < duration("1h")', False),
        ('last.finishedAt - last.startedAt == duration("1500ms")', True),
    ],
)
def test_of_the_run_before(text: str, holds: bool) -> None:
    assert bool(verdict(text, FAILED)) is holds


def test_a_sunday_is_the_day_0() -> None:
    assert verdict("run.weekday == 0 && run.day == 22", nominal=1795348800000)


def test_a_run_without_a_zone_is_in_utc() -> None:
    assert verdict("run.hour == 17", zone=None)


def test_why_it_does_not_hold() -> None:
    assert verdict('last.status != "failed"', FAILED).why == (
        'is false: last.status != "failed" (last.status is "failed")'
    )
    assert verdict('run.nominal < timestamp("2026-01-01T00:00:00Z")').why.endswith(
        "(run.nominal is 2026-11-23T17:25:07+00:00)"
    )
    assert verdict("1 > 2").why == "is false: 1 > 2"


def test_what_a_run_that_is_not_over_has_not() -> None:
    assert verdict('last.status == "running" || last.durationMs > 5', RUNNING)
    assert verdict("last.durationMs > 5", RUNNING).why == (
        "cannot be told: last.durationMs has no value yet, because the last run is not over"
    )


def test_a_run_that_was_over_before_it_started_holds_nothing_up() -> None:
    """Cancelled in the queue it has no times: an error here would be one for good."""
    last: dict[str, Any] = {
        "status": "cancelled",
        "startedAt": None,
        "finishedAt": None,
        "durationMs": None,
        "message": None,
    }

    assert verdict('run.nominal - last.finishedAt > duration("1h") && last.durationMs == 0', last)


@pytest.mark.parametrize("status", ["success", "running"])
def test_a_run_without_a_message_has_an_empty_one(status: str) -> None:
    assert verdict('!last.message.contains("disk full")', FAILED | {"status": status, "message": None})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1 / last.consecutiveFailures == 1", "cannot be told: divide by zero"),
        ("9223372036854775807 + last.durationMs + 1 > 0", "cannot be told: integer overflow"),
        ("timestamp(last.message) < run.nominal", "cannot be told: String to Timestamp conversion failed"),
        ('dyn("true")', "cannot be told: it gives string, not true or false"),
        ("dyn(1)", "cannot be told: it gives int, not true or false"),
        ('last.status == "none" ? dyn("x") : true', "cannot be told: it gives string, not true or false"),
    ],
)
def test_an_error_never_holds(text: str, why: str) -> None:
    """The plain value of an error is a text, and a text is true in Python."""
    assert verdict(text) == Verdict(holds=False, why=why)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('last.statuz == "x"', "'last.statuz' is not known; write last.status"),
        ("lastMessage", "'lastMessage' is not known; write last.message"),
        ("job == 1", "'job' is not known; write one of job.namespace, job.name"),
        ("sunshine", "'sunshine' is not known; write one of job.namespace, job.name, run.id,"),
        ("has(last.status)", "'has' cannot be used; every name always has a value: write a comparison like "),
        ("[1].all(x, true)", "'all' cannot be used; there are no lists to look through"),
        ("[1, 2].map(x, x * 2) == [2]", "'map' cannot be used"),
        ('last.message.matches("a+")', "'matches' cannot be used; write contains, startsWith or endsWith"),
        ('run.nominal.getHours("/dev/stdin") > 0', "'getHours' cannot be used; write it with nothing in the brackets"),
        ('last.status = "x"', "at character 13: token recognition error at: '= '; write == to compare"),
        ("last.status ==", "at character 15: mismatched input '<EOF>'; write an expression like last.status"),
        ('last.durationMs > "a"', "at character 17: found no matching overload for > applied to '(int, string)'"),
        ("last.status && true", "found no matching overload for && applied to '(string, bool)'"),
        ("last.durationMs", '"last.durationMs" gives int, not true or false; write a comparison like last.status'),
        ("", 'is empty; write an expression like last.status != "failed", or leave it out'),
        (" \n", "is empty"),
        ("x" * 1025, "has 1025 characters; write at most 1024"),
        ('"\ud800" == "a"', "is not an expression; write one like"),
    ],
)
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r"\S") as refused:
        condition.compile(text)
    assert message in str(refused.value)
    str(refused.value).encode()


@pytest.mark.parametrize(
    "text",
    [
        "(" * 500 + "true" + ")" * 500,
        "[" * 300 + "]" * 300 + " == []",
        "{" * 300,
        "last.durationMs" + "+1" * 500 + ">0",
    ],
    ids=["brackets", "lists", "maps", "sum"],
)
def test_what_is_nested_too_deeply(text: str) -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        condition.compile(text)


@pytest.mark.parametrize("name", ["exists", "exists_one", "filter", "all", "map", "transformList"])
def test_there_are_no_loops(name: str) -> None:
    """Nested over lists of a thousand characters they take seconds, or a machine's memory."""
    with pytest.raises(ValueError, match=r"not known|cannot be used"):
        condition.compile(f"[1, 2, 3].{name}(x, [1, 2].{name}(y, true)) == []")


@pytest.mark.parametrize("part", sorted(expression.OF_A_TIME))
def test_no_function_opens_a_file(part: str) -> None:
    """A zone's name may be a path for the library: reading from a pipe would stop the operator for good."""
    for call in (f'run.nominal.{part}("/dev/stdin")', f'dyn(run.nominal).{part}(dyn("/dev/stdin"))'):
        with pytest.raises(ValueError, match="cannot be used"):
            condition.compile(f"{call} > 0")
    assert verdict(f"run.nominal.{part}() >= 0")


@pytest.mark.parametrize(
    "text",
    [
        "!" * 1020 + "true",
        "-" * 1000 + "1 == 1",
        "true" + " && true" * 127,
        "last.message" + " + last.message" * 25 + ' != ""',
        '"' + "x" * 900 + '".contains(last.message)',
        'last.message.contains("' + "a" * 900 + 'b")',
    ],
    ids=["nots", "minuses", "ands", "texts", "long", "contains"],
)
def test_no_expression_takes_long(text: str) -> None:
    found = condition.compile(text)
    last = FAILED | {"message": "a" * 2_000_000}

    assert cost(lambda: found.holds(JOB, RUN, last)) < 0.05


def test_a_text_is_seen_up_to_its_bound() -> None:
    last = FAILED | {"message": "€" * 10_000}

    assert verdict("last.message.size() == 682", last), "2,048 bytes hold 682 of three bytes each"


def test_half_a_surrogate_is_a_question_mark() -> None:
    assert verdict('last.message == "?"', FAILED | {"message": "\ud800"})


@pytest.mark.parametrize(
    ("run", "why"),
    [
        ({"zone": "No/Where"}, "cannot be told: 'No/Where' is not in the tz database"),
        ({"nominal": 10**30}, "cannot be told: "),
    ],
)
def test_data_that_cannot_be_used_is_an_error_like_any(run: dict[str, Any], why: str) -> None:
    found = verdict("true", **run)

    assert not found
    assert found.why.startswith(why)


def test_what_the_library_raises_is_an_error_like_any() -> None:
    class Raises:
        def eval(self, data: object) -> object:
            raise RuntimeError("INTERNAL: Iteration budget exceeded [INTERNAL]")

    found = condition.Condition("true", Raises()).holds(JOB, RUN, None)

    assert found == Verdict(holds=False, why="cannot be told: Iteration budget exceeded [INTERNAL]")


def test_equal_texts_are_compiled_once() -> None:
    assert condition.compile("1 < 2") is condition.compile("1 < 2")


def test_threads_share_a_condition() -> None:
    shared = condition.compile("last.consecutiveFailures == 2")
    wrong: list[Verdict] = []

    def work() -> None:
        wrong.extend(found for found in (shared.holds(JOB, RUN, FAILED) for _ in range(2_000)) if not found)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_library_is_loaded_when_it_is_needed() -> None:
    script = (
        "import sys; from kronstream.domain import condition; before = 'cel_expr_python' in sys.modules;"
        "condition.compile('true'); print(before, 'cel_expr_python' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["False", "True"]
