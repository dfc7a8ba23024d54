"""What the chart's hooks run in the image: `python -m kronstream.cli.chart answers|withdraw`. Not for people."""

from __future__ import annotations

import asyncio
import time
import urllib.error
import urllib.request
from collections.abc import Callable

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
def answers(ready: tuple[str, ...]) -> None:
    """Exits with 0 once Redis can be used and each URL answers; with 1 after a minute, saying what did not."""
    settings = read_settings(RedisSettings)
    _insist("Redis", lambda: asyncio.run(_redis(settings.url)))
    for url in ready:
        _insist(url, lambda url=url: _asked(url))  # type: ignore[misc]


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


def _asked(url: str) -> None:
    try:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - the chart's own URL
            return
    except urllib.error.HTTPError as error:
        raise ConnectionError(f"{error.code}: {error.read(200).decode(errors='replace').strip()}") from None


if __name__ == "__main__":
    main()
