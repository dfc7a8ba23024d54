"""The internal service of operations, called from a test as the API and the command line will call it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from kronstream.operations import Backfills, Pausing, Runs
from kronstream.settings import DEFAULT_GROUP
from kronstream.streams.connection import connect
from kronstream.streams.keys import Keys
from kronstream.streams.records import Records
from kronstream.streams.requests import RedisRequests

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Service:
    """What can be asked for."""

    runs: Runs
    pausing: Pausing
    backfills: Backfills


def ask(url: str, question: Callable[[Service], Awaitable[Answer]]) -> Answer:
    """The answer of the service on a Redis of its default names; raises Refused."""

    async def answer() -> Answer:
        redis = connect(url)
        try:
            requests = RedisRequests(redis, Keys(), DEFAULT_GROUP)
            return await question(
                Service(Runs(requests, Records(redis, Keys())), Pausing(requests), Backfills(requests))
            )
        finally:
            await redis.aclose()

    return asyncio.run(answer())
