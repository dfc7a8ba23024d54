"""Which part of a page is to say what: a function for every table with figures, and for every kind of block."""

import asyncio
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner

from kronstream.cli.main import main
from kronstream.controller.job import read
from kronstream.domain import condition
from kronstream.domain.errors import Invalid
from kronstream.resources import instant, parse_spec
from unit import docruns, docstates
from unit.docoverlap import timeline
from unit.docpage import Block, Table, code

Cells = tuple[str, ...]
Case = tuple[str, dict[str, Any] | None]
STAMP = "%Y-%m-%d %H:%M"
# of each zone: the day of the gap, that of the repeat, and the times of the clock that are shown
CHANGES = {
    "New York": ("America/New_York", "01:00", "04:00"),
    "Lord Howe": ("Australia/Lord_Howe", "01:00", "03:00"),
}


def _last(status: str, finished: str = "2026-12-07T00:00:00Z", failures: int = 0) -> dict[str, Any]:
    at = instant.parse(finished)
    return {
        "status": status, "startedAt": at, "finishedAt": at, "durationMs": 0, "message": "",
        "consecutiveFailures": failures,
    }  # fmt: skip


# a condition, and a run that it lets start and one that it does not, each with the run before
MEANT: dict[str, tuple[Case, Case]] = {
    'last.status != "failed"': (("2026-12-07T12:00:00Z", None), ("2026-12-07T12:00:00Z", _last("failed", failures=1))),
    "last.consecutiveFailures < 3": (
        ("2026-12-07T12:00:00Z", _last("failed", failures=2)),
        ("2026-12-07T12:00:00Z", _last("failed", failures=3)),
    ),
    # Monday in New York, Tuesday in UTC
    "run.day <= 7 && run.weekday == 1": (("2026-12-08T04:59:59Z", None), ("2026-12-08T05:00:00Z", None)),
    'run.nominal - last.finishedAt > duration("6h")': (
        ("2026-12-07T06:00:01Z", _last("success")),
        ("2026-12-07T06:00:00Z", _last("success")),
    ),
}


def by_example(table: Table, row: Cells) -> Cells:
    texts = [code(each) for each in row[0].split(", ")]
    (told,) = {docruns.following({"schedule": text}, "2026-11-23T12:00:00Z", 2, STAMP) for text in texts}
    return (*row[:2], told)


def days(table: Table, row: Cells) -> Cells:
    return (*row[:2], docruns.following({"schedule": code(row[0])}, "2026-12-01T00:00:00Z", 4, "%a %d %b"))


def hashed(table: Table, row: Cells) -> Cells:
    texts = [f"`{docruns.resolved(code(row[0]), code(column))}`" for column in table.columns[1:]]
    return (row[0], *texts)


def changed_clocks(table: Table, row: Cells) -> Cells:
    name, first, last = CHANGES[table.heading]
    spec = docruns.fields(code(row[0]))
    if "every" not in spec:
        spec["timeZone"] = name
    found = [row[0]]
    for column in table.columns[1:]:
        day, _, policy = column.partition(", ")
        kind, _, value = policy.partition(" ")
        own = spec if "every" in spec else {**spec, "dst": {kind: code(value)}}
        found.append(docruns.between(own, name, day, first, last))
    return tuple(found)


def other_zones(table: Table, row: Cells) -> Cells:
    told = docruns.next_local(code(row[0]), code(row[2]), code(row[4]))
    return (*row[:3], told, row[4])


def conditions(table: Table, row: Cells) -> Cells:
    """What the words mean is shown by ``MEANT``: runs that start, and runs that do not."""
    found = condition.compile(code(row[0]))
    starts, stays = MEANT[code(row[0])]
    for holds, (nominal, last) in ((True, starts), (False, stays)):
        run = {"id": "r", "trigger": "schedule", "nominal": instant.parse(nominal), "zone": "America/New_York"}
        assert bool(found.holds({"namespace": "default", "name": "report"}, run, last)) is holds, row[0]
    return row


def late(table: Table, row: Cells) -> Cells:
    begin, end = row[1].split(" to ")
    return (*row[:2], *docruns.away(docruns.fields(code(row[0])), begin, end))


def bad(table: Table, row: Cells) -> Cells:
    spec = {"handler": docruns.HANDLER, **docruns.fields(code(row[0]))}
    teller = "the status"
    try:
        parse_spec(spec)
    except Invalid as fault:
        return row[0], "`kubectl apply`", f"`` {fault} ``"
    try:
        docruns.meaning(docruns.around(spec))
    except Invalid as fault:
        return row[0], teller, f"`` {fault} ``"
    raise AssertionError(f"{row[0]} is good")


def never(table: Table, row: Cells) -> Cells:
    found = docruns.meaning(docruns.around(docruns.fields(code(row[0]))))
    assert found is not None
    assert found.after(docruns.CREATED) is None
    return row[0], f"`` nothing is due any more: {found.why_none(docruns.CREATED)} ``"


def states(table: Table, row: Cells) -> Cells:
    value, reason, message = docstates.STATES[row[0]]()
    return row[0], f"`{value}`", f"`{reason}`", f"`` {message} ``"


TABLES: dict[tuple[str, int], Callable[[Table, Cells], Cells]] = {
    ("A cron expression", 0): by_example,
    ("A cron expression", 1): days,
    ("H: a number of the job's own", 0): hashed,
    ("New York", 0): changed_clocks,
    ("Lord Howe", 0): changed_clocks,
    ("Other zones", 0): other_zones,
    ("runIf", 0): conditions,
    ("Late and missed", 0): late,
    ("What the status says", 0): states,
    ("What bad input gets", 0): bad,
    ("What bad input gets", 1): never,
}
# tables of words: what they say is shown by other tests, or is about other programs
WORDS = {
    ("Pausing", 0), ("When clocks change", 0), ("Where a crontab means something else", 0),
    ("What users of the others ask for", 0), ("What is promised", 0),
}  # fmt: skip


def below(example: Block, block: Block) -> list[str]:
    """The lines of the text block below an example."""
    objects = docruns.objects(example.text)
    head = block.lines[0]
    if head.startswith("from "):
        (obj,) = objects
        ends = block.lines[-1].startswith("no ")
        number = sum(not ("skipped" in line or line.startswith(("no ", "note: "))) for line in block.lines[1:]) + ends
        return docruns.runs(obj, head.removeprefix("from "), max(number, 1))
    assert head.endswith(" minutes")
    return asyncio.run(timeline(objects, int(head.split()[0])))


def console(block: Block, example: Block | None, folder: Path) -> list[str]:
    """A console block with the command's real answer; the example above it is the file job.yaml."""
    lines = []
    for command in (line for line in block.lines if line.startswith("$ ")):
        program, *arguments = shlex.split(command[2:])
        assert program == "kronstream"
        if "job.yaml" in arguments:
            assert example is not None
            (folder / "job.yaml").write_text(example.text)
        arguments = [str(folder / one) if one == "job.yaml" else one for one in arguments]
        answer = CliRunner().invoke(main, arguments)
        lines += [command, *answer.output.replace(f"{folder}/", "").splitlines()]
    return lines


def good(objects: Sequence[dict[str, Any]]) -> None:
    """Raises Invalid for a ScheduledJob that the operator would not take."""
    for obj in objects:
        meta = {
            "namespace": "default",
            **obj["metadata"],
            "uid": "u",
            "generation": 1,
            "creationTimestamp": instant.render(docruns.CREATED),
        }
        job, _ = read({**yaml.safe_load(yaml.safe_dump(obj)), "metadata": meta}, docruns.GRACE)
        if job.fault is not None:
            raise job.fault
