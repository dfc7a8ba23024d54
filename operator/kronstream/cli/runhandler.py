"""`kronstream run-handler`: one attempt of a handler, here and now, as a worker would execute it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kronstream.domain import duration, quantity
from kronstream.domain.retry import Retry

if TYPE_CHECKING:
    from kronstream.ports import Claim
    from kronstream.worker.trial import Trial

FAILED, UNUSABLE = 1, 2  # exit codes


@click.command("run-handler")
@click.argument("name")
@click.option("--payload", metavar="JSON|@FILE", help="The payload, or the file that it is in (@- is standard input).")
@click.option(
    "--handlers",
    multiple=True,
    metavar="PLACE",
    envvar="KRONSTREAM_HANDLERS",
    help="Module, file or folder with handlers; may be repeated.  [KRONSTREAM_HANDLERS]",
)
@click.option("--attempt", type=click.IntRange(1, 1_000), default=1, show_default=True, help="Which attempt it is.")
@click.option(
    "--retries",
    type=click.IntRange(0, 1_000),
    default=Retry().limit,
    show_default=True,
    help="As retry.limit of a job.",
)
@click.option("--timeout", metavar="DURATION", default="5m", show_default=True, help="As timeout of a job.")
@click.option("--memory", metavar="AMOUNT", help="As handler.function.memory of a job, such as 256Mi.")
@click.option("--cpu-time", metavar="DURATION", help="As handler.function.cpuTime of a job, such as 30s.")
def run_handler(
    name: str,
    payload: str | None,
    handlers: tuple[str, ...],
    attempt: int,
    retries: int,
    timeout: str,
    memory: str | None,
    cpu_time: str | None,
) -> None:
    """Run one attempt of the handler NAME here, without Redis and without a cluster.

    It is executed as in a worker: an async function in the loop, another in a process of its own. What it prints goes
    to standard error at once, its result as JSON to standard output.

    Exit codes: 0 it succeeded, 1 it failed, 2 there is no such handler or the payload is no JSON.
    """
    value = _payload(payload)
    spans = [_read(duration.parse, text, flag) for text, flag in ((timeout, "--timeout"), (cpu_time, "--cpu-time"))]
    size = _read(quantity.parse, memory, "--memory")
    places = [part for place in handlers for part in place.split(",") if part]

    import asyncio

    from kronstream.worker.discovery import LoadError, load
    from kronstream.worker.trial import UnknownHandlerError, claim_of, with_limits

    try:
        registry = load(places)
        claim = claim_of(name, value, _run(attempt, retries + 1), Retry(limit=retries), (spans[0] or 0) / 1000)
        trial = asyncio.run(_execute(registry, places, with_limits(claim, size, spans[1])))
    except LoadError as error:
        raise click.UsageError(f"the handlers cannot be loaded:\n{error}") from None
    except UnknownHandlerError as error:
        raise click.UsageError(f"{error.args[0]}") from None
    raise SystemExit(_tell(trial, attempt, retries + 1))


def _payload(text: str | None) -> Any:
    if text is None:
        return None
    try:
        if text.startswith("@"):
            text = sys.stdin.read() if text == "@-" else Path(text[1:]).read_text(encoding="utf-8")
        return json.loads(text)
    except OSError as error:
        raise click.UsageError(f"--payload {text[:200]}: {error.strerror}") from None
    except ValueError as error:
        raise click.UsageError(
            f"--payload is not JSON ({error}); write JSON in quotes of the shell, like '{{\"days\": 30}}', or @file"
        ) from None


def _read(parse: Any, text: str | None, flag: str) -> int | None:
    if text is None:
        return None
    try:
        return int(parse(text))
    except ValueError as error:
        raise click.UsageError(f"{flag}: {error}") from None


def _run(attempt: int, attempts: int) -> Any:
    from datetime import UTC, datetime

    from kronstream.worker.context import Run

    return Run(attempt=attempt, max_attempts=attempts, nominal=datetime.now(UTC), trigger="manual", name="run-handler")


async def _execute(registry: Any, places: list[str], claim: Claim) -> Trial:
    from kronstream.worker.trial import Workbench

    def show(text: str) -> None:
        sys.__stderr__.write(text)  # type: ignore[union-attr]  # there is one where a command runs
        sys.__stderr__.flush()  # type: ignore[union-attr]

    def told(progress: dict[str, Any]) -> None:
        data = f" {json.dumps(progress['data'])}" if "data" in progress else ""
        show(f"[{progress['done']:4.0%}] {progress.get('text', '')}{data}\n")

    return await Workbench(registry, places, show, told).execute(claim)


def _tell(trial: Trial, attempt: int, attempts: int) -> int:
    took = duration.render(int(trial.duration * 1000))
    if trial.error is None:
        click.echo(json.dumps(trial.result, ensure_ascii=False, indent=2))
        click.echo(f"succeeded in {took}", err=True)
        return 0
    error = trial.error
    if error.traceback:
        click.echo(error.traceback.rstrip(), err=True)
    click.echo(f"failed in {took} ({trial.reason}): {error.type}: {error.message}", err=True)
    if trial.retry_in is not None:
        wait = duration.render(max(1, round(trial.retry_in)) * 1000)
        click.echo(f"a worker would try again in about {wait}: attempt {attempt + 1} of {attempts}", err=True)
    elif attempt >= attempts:
        click.echo(f"a worker would not try again: this was attempt {attempt} of {attempts}", err=True)
    else:
        click.echo("a worker would not try again: no further attempt can mend this", err=True)
    return FAILED
