"""What commands print: tables for people, JSON and YAML for programs, names for the next command."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

from kronstream.cli.client.exits import visible

Row = Mapping[str, Any]
WIDEST = 60
GAP = "   "
COLOURS = {
    "active": "green", "success": "green", "done": "green", "running": "cyan", "queued": "blue", "retrying": "yellow",
    "paused": "yellow", "skipped": "yellow", "cancelled": "yellow", "failed": "red", "dead": "red", "invalid": "red",
}  # fmt: skip


@dataclass(frozen=True)
class Column:
    """A column: its title, a cell of a row, whether only `-o wide` shows it, and whether its cells are never cut."""

    title: str
    cell: Callable[[Row], Any]
    wide: bool = False
    whole: bool = False


def print_rows(
    rows: Sequence[Row],
    columns: Iterable[Column],
    form: str,
    name: Callable[[Row], str],
    none: str,
    *,
    one: bool = False,
) -> None:
    """Rows in a format; `none` is said (to stderr) in the place of an empty table, `one` prints an object, no list."""
    if form == "name":
        for row in rows:
            click.echo(visible(name(row)))
    elif form in ("json", "yaml"):
        print_value(rows[0] if one else list(rows), form)
    elif rows:
        print_table(rows, [column for column in columns if form == "wide" or not column.wide])
    else:
        click.echo(none, err=True)


def print_value(value: Any, form: str) -> None:
    """A value as JSON or YAML."""
    if form == "yaml":
        import yaml

        click.echo(yaml.safe_dump(value, sort_keys=False, allow_unicode=True), nl=False)
    else:
        click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(rows: Iterable[Row], columns: Sequence[Column]) -> None:
    """A table as kubectl's; statuses have colours on a terminal."""
    lines = [[column.title for column in columns]]
    lines += [[text(column.cell(row), cut=not column.whole) for column in columns] for row in rows]
    widths = [max(len(line[at]) for line in lines) for at in range(len(columns))]
    for number, line in enumerate(lines):
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        # the last cell is not padded, so that no line ends with spaces
        cells[-1] = cells[-1].rstrip()
        if number:
            cells = [tinted(cell) for cell in cells]
        click.echo(GAP.join(cells).rstrip())


def print_fields(pairs: Iterable[tuple[str, Any]]) -> None:
    """Names and values in two columns; what has no value is left out, further lines are indented."""
    shown = [(name, value) for name, value in pairs if value not in (None, "", [], {})]
    width = max((len(name) for name, _ in shown), default=0) + 3
    for name, value in shown:
        head, *more = _lines(value)
        click.echo(f"{name + ':':{width}}{tinted(head)}")
        for line in more:
            click.echo(" " * width + line)


def text(value: Any, *, cut: bool = True) -> str:
    """A cell; with `cut` of a bounded width."""
    if value in (None, "", []):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        value = ",".join(map(str, value))
    if isinstance(value, dict):
        value = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    said = visible(str(value))
    return said if not cut or len(said) <= WIDEST else said[: WIDEST - 1] + "…"


def tinted(cell: str) -> str:
    """In its colour; click leaves colours out where no terminal is."""
    colour = COLOURS.get(cell.strip())
    return click.style(cell, fg=colour) if colour and _coloured() else cell


def _coloured() -> bool:
    import os

    return not os.environ.get("NO_COLOR")


def _lines(value: Any) -> list[str]:
    if isinstance(value, (dict, list)):
        return json.dumps(value, indent=2, ensure_ascii=False).splitlines()
    return [visible(line) for line in str(value).splitlines()] or [""]
