"""What the chart's hooks run in the image: `python -m kronstream.cli.chart answers|withdraw`. Not for people."""

from __future__ import annotations

import asyncio
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable

import click

from kronstream.setting import read_settings
from kronstream.settings import RedisSettings

PATIENCE = 60.0  # seconds that something which is being started may take
PAUSE = 2.0


@click.group()
def main() -> None:
    """Programs of `helm test` and `helm uninstall`."""


@main.command()
@click.option("--ready", multiple=True, help="URL that must answer 200.")
@click.option("--trusting", multiple=True, nargs=2, help="URL that must be answered at all, and the CA's file.")
@click.option("--part", "parts", multiple=True, type=click.Choice(["operator", "router"]), help="One of it must live.")
@click.option("--queue", "queues", multiple=True, help="A worker of it must live.")
@click.option("--served", multiple=True, help="Path that the cluster's API server must answer with 200.")
def answers(
    ready: tuple[str, ...], trusting: tuple[tuple[str, str], ...], parts: tuple[str, ...], queues: tuple[str, ...],
    served: tuple[str, ...],
) -> None:  # fmt: skip
    """Exits with 0 once Redis can be used and everything that is named is there; with 1 a minute after what was there
    last, saying what is not."""
    settings = read_settings(RedisSettings)
    _insist("Redis", lambda: asyncio.run(_redis(settings.url)))
    if parts or queues:
        what = ", ".join([*parts, *(f"worker of queue {queue}" for queue in queues)])
        _insist(what, lambda: asyncio.run(_alive(settings, parts, queues)))
    for url in ready:
        _insist(url, lambda url=url: _asked(url))  # type: ignore[misc]
    for url, file in trusting:
        _insist(url, lambda url=url, file=file: _trusted(url, file))  # type: ignore[misc]
    for path in served:
        _insist(path, lambda path=path: asyncio.run(_served(path)))  # type: ignore[misc]


@main.command()
def withdraw() -> None:
    """Deletes the APIService of executions: a namespace could not be deleted while it leads nowhere."""
    from kronstream.cluster.api import ClusterApi
    from kronstream.cluster.apiservices import NAME, ApiServices

    async def remove() -> bool:
        api = await ClusterApi.connect()
        try:
            return await ApiServices(api).remove()
        finally:
            await api.close()

    click.echo(f"APIService {NAME}: {'deleted' if asyncio.run(remove()) else 'was not there'}")


def _insist(what: str, ask: Callable[[], None]) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            ask()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told
            from kronstream.logs import masked

            if time.monotonic() > deadline:
                raise click.ClickException(f"{what}: {masked(str(error)) or type(error).__name__}") from None
            time.sleep(PAUSE)
        else:
            click.echo(f"{what}: ok")
            return


async def _redis(url: str) -> None:
    from kronstream.streams.connection import connect, verify

    redis = connect(url)
    try:
        await verify(redis)
    finally:
        await redis.aclose()


async def _alive(settings: RedisSettings, parts: Iterable[str], queues: Iterable[str]) -> None:
    """Raises ConnectionError that names what has no living part."""
    from kronstream.cli.liveness import ALIVE
    from kronstream.streams.connection import connect
    from kronstream.streams.keys import Keys
    from kronstream.streams.ledger import RedisLedger
    from kronstream.streams.presence import presence

    redis, keys = connect(settings.url), Keys(settings.base_stream)
    try:
        there = await presence(redis, keys)
        served = {queue for card in await RedisLedger(redis, keys, settings.group).workers() for queue in card.queues}
    finally:
        await redis.aclose()
    beats = {"operator": there.operators.values(), "router": there.routers.values()}
    missing = [f"no {part} lives" for part in parts if all(there.now - at > ALIVE for at in beats[part])]
    missing += [f"no worker of queue {queue} lives" for queue in queues if queue not in served]
    if missing:
        raise ConnectionError("; ".join(missing))


async def _served(path: str) -> None:
    """Asks the API server, as any account may that it knows."""
    from kronstream.cluster.api import ClusterApi

    api = await ClusterApi.connect()
    try:
        await api.send("GET", path)
    finally:
        await api.close()


def _trusted(url: str, file: str) -> None:
    """An answer by whoever has a certificate of this CA; what it answers to a stranger is its affair."""
    context = ssl.create_default_context(cafile=file)
    try:
        with urllib.request.urlopen(url, timeout=5, context=context):  # noqa: S310 - the chart's own URL
            return
    except urllib.error.HTTPError as error:
        if error.code >= 500:
            raise ConnectionError(f"{error.code}: {error.read(200).decode(errors='replace').strip()}") from None


def _asked(url: str) -> None:
    try:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - the chart's own URL
            return
    except urllib.error.HTTPError as error:
        raise ConnectionError(f"{error.code}: {error.read(200).decode(errors='replace').strip()}") from None


if __name__ == "__main__":
    main()
