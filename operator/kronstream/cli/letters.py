"""`kronstream dead-letters`: what could not be delivered, to look at, replay or drop."""

from __future__ import annotations

from typing import Any

import click

from kronstream.cli import columns
from kronstream.cli.again import each
from kronstream.cli.client.connection import PAGE, Api, segment
from kronstream.cli.client.door import through_api
from kronstream.cli.client.exits import Exit, Failure
from kronstream.cli.client.options import output_option
from kronstream.cli.get import tell_rest
from kronstream.cli.printing import print_fields, print_rows, print_value

IDS = click.argument("letters", nargs=-1, required=True, metavar="ID...")
KINDS = ("run", "event")
KIND = click.option("--kind", type=click.Choice(KINDS), help="Only those of runs, or of events.")
MOST = 100_000
AT_ONCE = 100


@click.group("dead-letters")
def dead_letters() -> None:
    """Look at what could not be delivered; replay it or drop it."""


@dead_letters.command("list")
@KIND
@click.option("--limit", type=click.IntRange(1, MOST), default=PAGE, show_default=True, help="How many at most.")
@output_option()
@through_api
def listed(api: Api, kind: str | None, limit: int, form: str) -> None:
    """List dead letters."""
    rows: list[dict[str, Any]] = []
    total = 0
    for one in [kind] if kind else KINDS:
        found, count = _letters(api, one, limit - len(rows))
        rows, total = rows + found, total + count
    print_rows(rows, columns.letters(), form, columns.run_name, "no dead letters")
    tell_rest(len(rows), total)


@dead_letters.command("show")
@click.argument("letter", metavar="ID")
@output_option("text", "json", "yaml")
@through_api
def shown(api: Api, letter: str, form: str) -> None:
    """Tell everything about a dead letter."""
    kind = letter.partition("-")[0]
    rows = _letters(api, kind, MOST)[0] if kind in KINDS else []
    found = next((row for row in rows if row["id"] == letter), None)
    if found is None:
        raise Failure(Exit.NOT_FOUND, f"{letter}: there is no such dead letter; `kronstream dead-letters list`")
    if form == "text":
        print_fields((name.replace("_", " ").capitalize(), value) for name, value in found.items())
    else:
        print_value(found, form)


@dead_letters.command()
@IDS
@through_api
def replay(api: Api, letters: tuple[str, ...]) -> None:
    """Deliver dead letters again."""

    def one(letter: str) -> None:
        answer = api.post(f"/dead-letters/{segment(letter)}/replay", about=letter)
        run, matched = answer["execution_id"], answer["matched"]
        click.echo(f"{letter} replayed: {f'run {run}' if run else f'{len(matched or ())} handlers'}")

    each(letters, one)


@dead_letters.command()
@IDS
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@through_api
def drop(api: Api, letters: tuple[str, ...], yes: bool) -> None:
    """Delete dead letters for good."""
    if not yes:
        click.confirm(f"Delete {len(letters)} for good?", abort=True, err=True)

    def one(letter: str) -> None:
        api.delete(f"/dead-letters/{segment(letter)}", about=letter)
        click.echo(f"{letter} dropped")

    each(letters, one)


def _letters(api: Api, kind: str, limit: int) -> tuple[list[dict[str, Any]], int]:
    """The newest of a kind, and how many there are."""
    found: list[dict[str, Any]] = []
    total = 0
    while True:
        size = max(1, min(AT_ONCE, limit - len(found)))
        before = found[-1]["id"] if found else None
        answer = api.call("GET", "/dead-letters", {"kind": kind, "limit": size, "before": before})
        total = max(total, int(answer.headers.get("x-total-count", 0)))
        found += answer.value[: max(0, limit - len(found))]
        if len(answer.value) < size or len(found) >= limit:
            return found, total
