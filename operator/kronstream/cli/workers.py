"""`kronstream workers`: the live workers and their statistics."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from kronstream.cli.options import settings_from, settings_options
from kronstream.domain import duration
from kronstream.logs import masked
from kronstream.settings import RedisSettings

if TYPE_CHECKING:
    from kronstream.ports import WorkerCard


@click.command()
@settings_options(RedisSettings)
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", help="How to print.")
def workers(output: str, **flags: Any) -> None:
    """List the live workers: what they offer, what they did, when they last told."""
    import asyncio

    settings = settings_from(RedisSettings, flags)
    try:
        cards = asyncio.run(_cards(settings))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told in a line
        raise click.ClickException(
            f"no answer from {masked(settings.url)} ({type(error).__name__}: {masked(str(error))}); "
            "is KRONSTREAM_REDIS_URL right?"
        ) from None
    if output == "json":
        click.echo(json.dumps([_shape(card) for card in cards], indent=2))
    elif cards:
        _print_table(cards)
    else:
        click.echo("no live workers", err=True)


async def _cards(settings: RedisSettings) -> list[WorkerCard]:
    from kronstream.worker.store import RedisStore

    store = RedisStore(settings, 0)
    try:
        return await store.queue.workers()
    finally:
        await store.close()


def _shape(card: WorkerCard) -> dict[str, Any]:
    raw = asdict(card)
    for name in ("processed", "succeeded", "failed"):
        raw[f"messages_{name}"] = raw.pop(name)
    return raw


def _print_table(cards: list[WorkerCard]) -> None:
    now = int(time.time() * 1000)
    rows: list[tuple[str, ...]] = [
        ("CONSUMER", "QUEUES", "FUNCTIONS", "SLOTS", "PROCESSED", "SUCCEEDED", "FAILED", "UPTIME", "LAST BEAT")
    ]
    rows += [_row(card, now) for card in cards]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        click.echo("   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _row(card: WorkerCard, now: int) -> tuple[str, ...]:
    numbers = (len(card.functions), card.concurrency, card.processed, card.succeeded, card.failed)
    uptime = duration.render(card.uptime_seconds * 1000)
    last = duration.render(max(0, now - card.last_beat))
    queues = ", ".join(f"{name}={slots}" for name, slots in card.queues.items())
    return card.consumer, queues, *(str(number) for number in numbers), uptime, f"{last} ago"
