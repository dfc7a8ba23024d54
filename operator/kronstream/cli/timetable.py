"""Next runs as a table for people and as JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import click

from kronstream.domain import duration
from kronstream.domain.preview import Row, local
from kronstream.operations.nextruns import NextRuns
from kronstream.resources import instant


def print_table(found: Sequence[NextRuns]) -> None:
    """A heading and a table for each job, coloured on a terminal."""
    for index, runs in enumerate(found):
        if index:
            click.echo()
        heading = f"{runs.identity}: {_form(runs)}" + (f" in {runs.zone}" if runs.when.zone else "")
        click.echo(
            click.style(heading, bold=True) + (f", jitter {duration.render(runs.jitter_ms)}" if runs.jitter_ms else "")
        )
        for note in runs.notes:
            click.echo(f"  {note}")
        if runs.rows:
            (_rich if sys.stdout.isatty() else _plain)(
                _header(runs), [_cells(runs, row, number) for number, row in _numbered(runs)]
            )
        if runs.end:
            click.echo(f"  {'no further run' if any(not row.skipped for row in runs.rows) else 'no run'}: {runs.end}")


def print_json(found: Sequence[NextRuns]) -> None:
    """A list with one object a job."""
    click.echo(json.dumps([_plain_data(runs) for runs in found], indent=2, ensure_ascii=False))


def _numbered(runs: NextRuns) -> Iterator[tuple[int, Row]]:
    number = 0
    for row in runs.rows:
        number += not row.skipped
        yield number, row


def _header(runs: NextRuns) -> list[str]:
    clock = [runs.zone] if runs.zone != "UTC" else []
    return ["#", *clock, "UTC", *(["starts"] if runs.jitter_ms else []), ""]


def _cells(runs: NextRuns, row: Row, number: int) -> list[str]:
    at = local(runs.zone, row.at)
    clock = [f"{at:%a} {_text(at)} {_offset(at)}"] if runs.zone != "UTC" else []
    utc = local("UTC", row.at)
    starts = [] if not runs.jitter_ms else [""] if row.skipped else [_start(runs, row)]
    head = [*clock, _text(utc) if clock else f"{utc:%a} {_text(utc)}", *starts]
    if not row.skipped:
        return [str(number), *head, "; ".join(row.notes)]
    return ["-", *head, f"skipped{_many(runs, row)}: {row.skipped}"]


def _many(runs: NextRuns, row: Row) -> str:
    if row.count == 1:
        return ""
    return f", {'' if row.exact else 'at least '}{row.count} instants until {_text(local(runs.zone, row.last))}"


def _start(runs: NextRuns, row: Row) -> str:
    """To the millisecond, with the day only where it is another."""
    start, at = local(runs.zone, row.starts), local(runs.zone, row.at)
    return f"{'' if start.date() == at.date() else f'{start:%a} '}{start:%H:%M:%S}.{start.microsecond // 1000:03}"


def _form(runs: NextRuns) -> str:
    """The form as a sentence begins with it."""
    when = runs.when
    lead = "every " if when.every is not None else "once, at " if when.at is not None else ""
    return f"{lead}{when.text}"


def _text(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"


def _offset(at: datetime) -> str:
    return at.isoformat()[19:].removeprefix(f".{at:%f}")


def _plain(header: list[str], lines: list[list[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(header, *lines, strict=True)]
    for line in (header, *lines):
        click.echo("  " + "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def _rich(header: list[str], lines: list[list[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("")
    for name in header:
        table.add_column(name, no_wrap=bool(name), justify="right" if name == "#" else "left")
    for line in lines:
        skipped = line[0] == "-"
        cells = [Text(text, style="dim" if skipped else "") for text in line]
        cells[-1].stylize("" if skipped else "yellow")
        table.add_row("", *cells)
    Console().print(table)


def _plain_data(runs: NextRuns) -> dict[str, Any]:
    namespace, _, name = runs.identity.partition("/")
    return {
        "namespace": namespace,
        "name": name,
        "schedule": runs.when.text,
        "timeZone": runs.zone,
        "runs": [
            {
                "nominal": instant.render(row.at),
                "local": local(runs.zone, row.at).isoformat(),
                "starts": instant.render(row.starts),
                "notes": list(row.notes),
            }
            for row in runs.rows
            if not row.skipped
        ],
        "skipped": [
            {
                "first": instant.render(row.at),
                "last": instant.render(row.last),
                "count": row.count,
                "exact": row.exact,
                "reason": row.skipped,
            }
            for row in runs.rows
            if row.skipped
        ],
        "end": runs.end or None,
        "notes": list(runs.notes),
    }
