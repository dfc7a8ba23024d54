"""The limits of one process: loops that read a stream and keep a record, and do nothing else.

All run under uvloop with hiredis, as the worker does.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import Any

import hiredis
from redis.asyncio import Redis

from benchmarks.meter import Cost, between, read_own
from benchmarks.redisserver import Server

GROUP, STREAM = "bare", "bare"
BATCH = 100
TIMEOUT = 300.0


async def fill(redis: Redis, count: int) -> None:
    """Entries with a run id and a JSON payload."""
    payload = json.dumps({"greeting": "hello"})
    for first in range(0, count, 1000):
        pipe = redis.pipeline(transaction=False)
        for number in range(first, min(first + 1000, count)):
            pipe.xadd(STREAM, {"run": f"run-{number}", "payload": payload})
        await pipe.execute()
    await redis.xgroup_create(STREAM, GROUP, "0")


async def redis_py(server: Server, count: int, pipelined: int) -> Cost:
    """XREADGROUP by 100, then a record and an acknowledgement for each, `pipelined` runs a pipeline."""
    redis = Redis.from_url(server.url, decode_responses=True)  # as everybody gets it
    await server.fresh()
    await fill(redis, count)
    first = await read_own(redis)
    done = 0
    while done < count:
        ((_, entries),) = await redis.xreadgroup(GROUP, "one", {STREAM: ">"}, count=BATCH)
        for start in range(0, len(entries), pipelined):
            pipe = redis.pipeline(transaction=False)
            for entry, fields in entries[start : start + pipelined]:
                result = json.loads(fields["payload"])
                pipe.hset(f"record:{fields['run']}", mapping={"status": "success", "result": json.dumps(result)})
                pipe.xack(STREAM, GROUP, entry)
                pipe.xdel(STREAM, entry)
            await pipe.execute()
        done += len(entries)
    cost = between(first, await read_own(redis), count)
    await _all_there(redis, count)
    await redis.aclose()
    return cost


async def packed(server: Server, count: int) -> Cost:
    """Packed commands on a socket, the next read overlapping the write-back; a task, a timeout and JSON for each."""
    redis = server.redis
    await server.fresh()
    await fill(redis, count)
    options = redis.connection_pool.connection_kwargs
    loop = asyncio.get_running_loop()
    transport, wire = await loop.create_connection(Wire, options["host"], options["port"])
    first = await read_own(redis)
    ask = hiredis.pack_command(("XREADGROUP", "GROUP", GROUP, "one", "COUNT", str(BATCH), "STREAMS", STREAM, ">"))
    done = 0
    reply = wire.call(ask, 1)
    while done < count:
        (((_, entries),),) = await reply
        done += len(entries)
        tasks = [loop.create_task(_one(_payload(fields))) for _, fields in entries]
        await asyncio.wait(tasks)
        commands = [ask] if done < count else []
        for (entry, fields), task in zip(entries, tasks, strict=True):
            key = b"record:" + fields[1]
            commands.append(hiredis.pack_command(("HSET", key, "status", "success", "result", task.result())))
            commands.append(hiredis.pack_command(("XACK", STREAM, GROUP, entry)))
            commands.append(hiredis.pack_command(("XDEL", STREAM, entry)))
        # the next entries are asked for first, and worked on while the ends of these are on their way
        if done < count:
            reply = wire.call(b"", 1)
        written = wire.call(b"".join(commands), 3 * len(entries))
    await written
    cost = between(first, await read_own(redis), count)
    transport.close()
    await _all_there(redis, count)
    return cost


def _payload(fields: list[bytes]) -> bytes:
    return fields[fields.index(b"payload") + 1]


async def _one(payload: bytes) -> str:
    async with asyncio.timeout(TIMEOUT):
        return json.dumps(json.loads(payload))


class Wire(asyncio.Protocol):
    """Commands out, replies in the same order."""

    def __init__(self) -> None:
        self._reader = hiredis.Reader()
        self._waiting: deque[tuple[int, asyncio.Future[list[Any]]]] = deque()
        self._replies: list[Any] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def call(self, data: bytes, replies: int) -> asyncio.Future[list[Any]]:
        """Write; the future has so many replies."""
        future: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._waiting.append((replies, future))
        if data:
            self._transport.write(data)  # type: ignore[attr-defined]
        return future

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        while self._waiting and (reply := self._reader.gets()) is not False:
            if isinstance(reply, Exception):
                raise reply
            self._replies.append(reply)
            if len(self._replies) == self._waiting[0][0]:
                self._waiting.popleft()[1].set_result(self._replies)
                self._replies = []


async def _all_there(redis: Redis, count: int) -> None:
    keys = await redis.dbsize() - 1  # the stream
    assert keys == count, f"{keys} records of {count}"
