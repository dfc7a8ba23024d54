"""`kronstream preview`: the next runs of jobs in files, or of a schedule on the command line, without a cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import click

if TYPE_CHECKING:
    from kronstream.operations.nextruns import NextRuns

# option → field of the spec
_WHEN: dict[str, tuple[str, dict[str, Any]]] = {
    "--schedule": ("schedules", {"multiple": True, "metavar": "CRON", "help": "A cron expression; may be repeated."}),
    "--every": ("every", {"metavar": "DURATION", "help": "An interval, such as 90s or 2h30m."}),
    "--rrule": ("rrule", {"metavar": "RULE", "help": "A recurrence rule of RFC 5545."}),
    "--run-at": ("runAt", {"metavar": "TIME", "help": "One instant, such as 2026-12-24T18:00:00Z."}),
    "--anchor": ("anchor", {"metavar": "TIME", "help": "The instant that --every counts from."}),
    "--time-zone": ("timeZone", {"metavar": "ZONE", "help": "Such as Europe/Berlin; UTC when left out."}),
    "--not-before": ("notBefore", {"metavar": "TIME", "help": "Nothing is due before it."}),
    "--not-after": ("notAfter", {"metavar": "TIME", "help": "Nothing is due after it."}),
    "--exclude": ("exclude", {"multiple": True, "metavar": "WHAT", "help": "A day, a range, a cron expression."}),
    "--jitter": ("jitter", {"metavar": "DURATION", "help": "How much later than due a run may start."}),
}  # fmt: skip


def _when_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for flag, (name, about) in reversed(_WHEN.items()):
        command = click.option(flag, name, **about)(command)
    return command


@click.command()
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(exists=True, allow_dash=True))
@_when_options
@click.option("--gap", type=click.Choice(["RunAfter", "Skip"]), help="Times that do not exist when clocks go forward.")
@click.option("--repeat", type=click.Choice(["First", "Both"]), help="Times that come twice when clocks go back.")
@click.option("-n", "--number", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many runs.")
@click.option("--from", "start", metavar="TIME", help="Show runs from then on: an instant, or a day in the job's zone.")
@click.option(
    "--namespace", default="default", show_default=True, help="Of jobs that name none; H and jitter depend on it."
)
@click.option("--name", default="preview", show_default=True, help="Of the job on the command line.")
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def preview(
    files: tuple[str, ...],
    gap: str | None,
    repeat: str | None,
    number: int,
    start: str | None,
    namespace: str,
    name: str,
    output: Literal["table", "json"],
    **fields: Any,
) -> None:
    """Show when jobs will run: of ScheduledJobs in FILEs (- is standard input), or of a schedule given by options.

    No cluster is needed: H, jitter and what changed clocks do are what the operator will do with a job of the same
    namespace and name.
    """
    import time

    from kronstream.cli import timetable

    spec = {field: list(value) if isinstance(value, tuple) else value for field, value in fields.items() if value}
    dst = {field: value for field, value in (("gap", gap), ("repeat", repeat)) if value}
    if dst:
        spec["dst"] = dst
    if bool(spec) == bool(files):
        raise click.UsageError("write files or options like --schedule, one of the two")
    ask = {"start": start, "now": int(time.time() * 1000), "number": number}
    found, faults = _of_files(files, namespace, ask) if files else ([_of_options(spec, f"{namespace}/{name}", ask)], [])
    for fault in faults:
        click.echo(fault, err=True)
    (timetable.print_json if output == "json" else timetable.print_table)(found)
    raise SystemExit(1 if faults else 0)


def _of_options(spec: dict[str, Any], identity: str, ask: dict[str, Any]) -> NextRuns:
    from kronstream.operations.nextruns import next_runs

    try:
        return next_runs({**spec, "handler": {"function": {"name": "preview"}}}, identity, None, **ask)
    except ValueError as fault:
        raise click.UsageError(str(fault)) from None


def _of_files(files: tuple[str, ...], namespace: str, ask: dict[str, Any]) -> tuple[list[NextRuns], list[str]]:
    """The jobs in files, and the findings about those that cannot be used."""
    from kronstream.cli.checking import check
    from kronstream.cli.manifests import Reader
    from kronstream.operations.nextruns import next_runs
    from kronstream.resources.inspection import created, identity, is_handler

    found, faults = [], []
    reader = Reader(files)
    for manifest in reader:
        if is_handler(manifest.document.value):
            continue
        errors = [str(one) for one in check(manifest, namespace, ask["now"]) if one.severity == "error"]
        faults += errors
        if not errors:
            value = manifest.document.value
            named = "name" in value["metadata"]
            try:
                found.append(next_runs(value["spec"], identity(value, namespace), created(value), **ask, named=named))
            except ValueError as fault:
                raise click.UsageError(str(fault)) from None
    faults += reader.unread
    if not found and not faults:
        faults.append(f"no ScheduledJob in {', '.join(files)}")
    return found, faults
