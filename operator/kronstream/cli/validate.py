"""`kronstream validate`: judges files before they are applied."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

import click

if TYPE_CHECKING:
    from kronstream.cli.checking import Finding


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="FILE...", type=click.Path(exists=True, allow_dash=True))
@click.option("--namespace", default="default", show_default=True, help="Of objects that name none.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def validate(paths: tuple[str, ...], namespace: str, output: Literal["text", "json"]) -> None:
    """Check ScheduledJobs and EventHandlers in files, in folders (*.yaml, *.yml, *.json) or on standard input (-).

    Every finding is a line `file:line: field: message`, in the words of the operator; a warning is about a job that
    never runs. Other objects are left alone. Exit code 0: all can be applied, 1: not all, 2: a file cannot be read.
    """
    import time

    from kronstream.cli.checking import check
    from kronstream.cli.manifests import Reader
    from kronstream.resources.inspection import is_handler

    reader = Reader(paths)
    now = int(time.time() * 1000)
    jobs = handlers = 0
    found: list[Finding] = []
    for manifest in reader:
        if is_handler(manifest.document.value):
            handlers += 1
        elif manifest.fault is None:
            jobs += 1
        found += check(manifest, namespace, now)
    errors = sum(finding.severity == "error" for finding in found)
    counts = {
        "files": reader.files,
        "jobs": jobs,
        "handlers": handlers,
        "errors": errors,
        "warnings": len(found) - errors,
        "ignored": reader.others,
    }
    _print(output, found, counts, reader.unread)
    raise SystemExit(2 if reader.unread else 1 if errors else 0)


def _print(output: str, found: list[Finding], counts: dict[str, int], unread: list[str]) -> None:
    if output == "json":
        import json

        report: dict[str, Any] = {**counts, "unread": unread, "findings": [asdict(finding) for finding in found]}
        click.echo(json.dumps(report, indent=2, ensure_ascii=False))
        return
    for finding in found:
        click.echo(str(finding))
    for fault in unread:
        click.echo(fault, err=True)
    handlers = f" and {_number(counts['handlers'], 'event handler')}" if counts["handlers"] else ""
    click.echo(
        f"{_number(counts['jobs'], 'job')}{handlers} in {_number(counts['files'], 'file')}: "
        f"{_number(counts['errors'], 'error')}, {_number(counts['warnings'], 'warning')}; "
        f"{_number(counts['ignored'], 'other object')} ignored",
        err=True,
    )


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
