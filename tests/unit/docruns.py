"""What the program says to the examples of a page about schedules, in the page's own form."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from kronstream.cli.documents import read
from kronstream.domain.plan import Policy, plan, plan_once
from kronstream.domain.preview import Row, local
from kronstream.domain.schedule import Once, Schedule
from kronstream.operations.nextruns import next_runs
from kronstream.resources import instant, parse_spec
from kronstream.resources.judged import judge

HANDLER = {"function": {"name": "reports:daily"}}
CREATED = instant.parse("2026-11-23T12:00:00Z")
NONE = "none"
GRACE = Policy().grace


def objects(text: str) -> list[dict[str, Any]]:
    """The objects of an example: whole ones, or a job around the part of a spec that the example is about."""
    return [document.value if "kind" in document.value else around(document.value) for document in read(text)]


def around(spec: dict[str, Any], name: str = "default/report") -> dict[str, Any]:
    """A job with these fields and a handler."""
    namespace, _, name = name.partition("/")
    return {
        "apiVersion": "kronstream.dev/v1",
        "kind": "ScheduledJob",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"handler": HANDLER, **spec},
    }


def fields(cell: str) -> dict[str, Any]:
    """The fields that a cell writes, with or without braces, as kubectl would read them."""
    (document,) = read(cell)
    found: dict[str, Any] = document.value
    return found


def meaning(obj: dict[str, Any], created: int = CREATED) -> Schedule | None:
    """The instants of a job, which must be good; None for one that runs only when asked."""
    identity = f"{obj['metadata']['namespace']}/{obj['metadata']['name']}"
    return judge(parse_spec(obj["spec"]), created, identity).schedule


def instants(spec: dict[str, Any], created: int = CREATED) -> Schedule:
    """As `meaning`, of fields, which must give instants."""
    found = meaning(around(spec), created)
    assert found is not None
    return found


def runs(obj: dict[str, Any], start: str, number: int) -> list[str]:
    """The block below an example: a head with the instant, what else is noted of the job, a line for each run or
    stretch that is left out, and why there are no more."""
    identity = f"{obj['metadata']['namespace']}/{obj['metadata']['name']}"
    told = next_runs(obj["spec"], identity, CREATED, start, 0, number)
    lines = [f"from {start}", *(f"note: {note}" for note in told.notes)]
    lines += [*(_line(told.zone, row, jittered=bool(told.jitter_ms)) for row in told.rows)]
    if told.end:
        lines.append(f"no {'further ' if any(not row.skipped for row in told.rows) else ''}run: {told.end}")
    return lines


def _line(name: str, row: Row, *, jittered: bool) -> str:
    parts = [clock(name, row.at, "%a %Y-%m-%d %H:%M:%S")]
    if row.skipped:
        many = "" if row.count == 1 else f", {row.count} instants until {local(name, row.last):%Y-%m-%d %H:%M:%S}"
        return "  ".join([*parts, f"skipped{many}: {row.skipped}"])
    if jittered:
        starts = local(name, row.starts)
        parts.append(f"starts {starts:%H:%M:%S}.{starts.microsecond // 1000:03}")
    return "  ".join([*parts, *row.notes])


def clock(name: str, at: int, form: str) -> str:
    """An instant on the clock of a zone, with its offset."""
    shown = local(name, at)
    return f"{shown:{form}} {shown.isoformat()[-6:]}"


def following(spec: dict[str, Any], start: str, number: int, form: str) -> str:
    """The next instants after one, in UTC and in a form."""
    found, at = instants(spec), instant.parse(start) - 1
    texts = []
    for _ in range(number):
        following = found.after(at)
        assert following is not None
        at = following
        texts.append(f"{local('UTC', at):{form}}")
    return ", ".join(texts)


def resolved(name: str, expression: str) -> str:
    """The schedule of the job `namespace/name` as its status shows it."""
    return judge(parse_spec(around({"schedule": expression}, name)["spec"]), CREATED, name).when.text


def between(spec: dict[str, Any], name: str, day: str, first: str, last: str) -> str:
    """The runs of one day from one time of the zone's clock to before another, like `01:30 -04:00`."""
    found = instants(spec)
    # no clock is more than 15 hours ahead of UTC
    at = found.after(instant.parse(f"{day}T00:00:00Z") - 15 * 3_600_000)
    texts = []
    while at is not None and (shown := local(name, at)).date().isoformat() <= day:
        if shown.date().isoformat() == day and first <= f"{shown:%H:%M}" < last:
            texts.append(clock(name, at, "%H:%M"))
        at = found.after(at)
    return ", ".join(texts) or NONE


def next_local(name: str, expression: str, start: str) -> str:
    """The next run from an instant on, on the zone's clock."""
    at = instants({"schedule": expression, "timeZone": name}).after(instant.parse(start) - 1)
    assert at is not None
    return clock(name, at, "%Y-%m-%d %H:%M")


def away(spec: dict[str, Any], begin: str, end: str) -> tuple[str, str]:
    """What runs, and what is skipped, at the end of a time in which no operator was there."""
    day = "2026-11-23"
    start, now = (instant.parse(f"{day}T{text if text.count(':') == 2 else f'{text}:00'}Z") for text in (begin, end))
    read = parse_spec({"handler": HANDLER, **spec})
    catch_up = read.catch_up
    policy = Policy(
        GRACE, catch_up.policy, catch_up.window_ms, catch_up.max_runs, starting_deadline=read.starting_deadline_ms
    )
    found = instants(spec, created=start)
    owed = plan_once(found, start, start, now, policy) if isinstance(found, Once) else plan(found, start, now, policy)
    assert owed.cursor >= max(owed.due, default=0)
    skipped: Counter[str] = Counter()
    for one in owed.skipped:
        skipped[one.reason.value] += one.count
    return times(owed.due), ", ".join(f"{count} `{reason}`" for reason, count in skipped.items()) or NONE


def times(found: Sequence[int]) -> str:
    """Instants of one day in UTC, with seconds where there are any."""
    texts = []
    for at in found:
        shown = datetime.fromtimestamp(at / 1000, UTC)
        texts.append(f"{shown:%H:%M:%S}" if shown.second else f"{shown:%H:%M}")
    return ", ".join(texts) or NONE
