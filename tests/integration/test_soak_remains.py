"""What a soak looks for in Redis at its end is found where it was planted."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from contract.conftest import redis_socket  # noqa: F401 - a fixture
from integration.workerbench import Bench
from kronstream.streams.connection import connect
from soak.evidence import Evidence
from soak.kinds import kinds
from soak.remains import remains

NOOP = next(kind for kind in kinds() if kind.name == "noop")
P = "{stream:scheduler:job.dispatch}:"
RUN = f"{P}run:{NOOP.uid}-s1"


def left(bench: Bench, plant: Callable[[Any], Awaitable[Any]]) -> list[str]:
    async def go() -> list[str]:
        client = connect(bench.url)
        await plant(client)
        found = Evidence({NOOP.uid: NOOP})
        await remains(client, found)
        await client.aclose(close_connection_pool=True)
        return found.left

    return asyncio.run(go())


@pytest.mark.parametrize(
    ("plant", "says"),
    [
        (lambda redis: redis.zadd(f"{P}gate:q/slow", {"r": 1}), "gate:q/slow is there still"),
        (lambda redis: redis.zadd(f"{P}active:{NOOP.uid}", {"r": 1}), "is there still"),
        (lambda redis: redis.rpush(f"{P}recalls", "{}"), "recalls is there still"),
        (lambda redis: redis.hset(f"{P}gates", "k/x", 1), "gates is there still"),
        (lambda redis: redis.hset(RUN, "st", "success"), f"{RUN} will never go"),
        (lambda redis: redis.set(f"{P}claim:x", 1), "claim:x will never go"),
        (lambda redis: redis.xadd(f"{P}q:reports:low", {"v": "1"}), "1 entries, 0 pending"),
        (lambda redis: redis.xadd(f"{P}dead", {"v": "1"}), "dead letters"),
        (lambda redis: redis.xadd("stream:scheduler:replies", {"v": "1"}), "1 replies that nobody worked on"),
    ],
)
def test_what_was_planted_is_found(
    tmp_path: Path,
    redis_socket: Path,  # noqa: F811
    plant: Callable[[Any], Awaitable[Any]],
    says: str,
) -> None:
    bench = Bench(tmp_path, redis_socket)
    known, planted = f"{NOOP.name}: the job is not known any more", left(bench, plant)
    bench.close()
    assert known in planted
    (fault,) = [fault for fault in planted if fault != known]
    assert says in fault


def test_a_record_that_is_not_over_is_found(tmp_path: Path, redis_socket: Path) -> None:  # noqa: F811
    bench = Bench(tmp_path, redis_socket)
    planted = left(bench, lambda redis: redis.hset(RUN, "st", "running"))
    bench.close()
    assert f"{RUN} is running" in planted
