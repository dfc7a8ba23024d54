"""Events: from a stream to what they cause, with few and with many EventHandlers; from XADD to a handler's first line;
what an expression and a CloudEvent cost."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
from redis.asyncio import Redis

from benchmarks.bare import create, each, job
from benchmarks.handlers import LATENESS
from benchmarks.installation import control_plane, memory, running
from benchmarks.report import Report, judged, share_of
from kronstream.cluster.api import ClusterApi
from kronstream.dev.components import Component, operators, routers, workers
from kronstream.domain import filter as expressions
from kronstream.domain.event import Event
from kronstream.operations.ingest import Ingest
from kronstream.resources.cloudevent import read_event
from kronstream.streams.connection import connect
from kronstream.streams.eventlog import RedisEventLog
from kronstream.streams.keys import Keys

STREAM, TYPE = "stream:events", "bench.came"
COUNTS = (1, 100, 10_000)  # handlers
EVENTS, WARM = 20_000, 500
GOAL = 5_000  # events a second against 10,000 handlers
RATE, SECONDS = 200, 20  # of the second part
STORM, CLOCKS = 100_000, 50  # events, and jobs that are due every second meanwhile
LATEST = 50.0  # ms
MIDDLE, MOST = 5.0, 20.0  # ms
EXPRESSION = 'event.data.status == "completed" && event.data.number % 2 == 0 && event.platformid != "other"'
PATH = "/apis/kronstream.dev/v1/namespaces/default/eventhandlers"


def handler(name: str, kind: str, runs: str = "target") -> dict[str, Any]:
    """An EventHandler that runs a job."""
    return {
        "apiVersion": "kronstream.dev/v1",
        "kind": "EventHandler",
        "metadata": {"name": name},
        "spec": {"event": kind, "action": {"runJob": {"name": runs}}},
    }


def cloud_event(number: int, **data: Any) -> str:
    """One event as text."""
    told = {"status": "completed", "workflow_id": f"workflow-{number}", "number": number, "duration_ms": 45_000, **data}
    return json.dumps({"specversion": "1.0", "id": f"e{number}", "source": "/bench", "type": TYPE, "data": told})


async def apply_handlers(api: ClusterApi, count: int) -> None:
    """One that listens for the events, and others for other types."""
    bodies = [handler("listens", TYPE), *(handler(f"other-{n}", f"other.{n}") for n in range(1, count))]

    async def post(body: dict[str, Any]) -> None:
        await api.send("POST", PATH, body, want=False)

    await each(bodies, 32, post)


async def poll(condition: Callable[[], Any], within: float = 300.0, pause: float = 0.02) -> None:
    """Ask until it holds."""
    async with asyncio.timeout(within):
        while not await condition():
            await asyncio.sleep(pause)


async def add(redis: Redis, first: int, count: int) -> None:
    """Events of consecutive numbers, in pipelines as a producer would."""
    for start in range(first, first + count, 1_000):
        pipe = redis.pipeline(transaction=False)
        for number in range(start, min(start + 1_000, first + count)):
            pipe.xadd(STREAM, {"event": cloud_event(number)})
        await pipe.execute()


def cpu(component: Component) -> float:
    times = psutil.Process(component.process.pid).cpu_times()
    return float(times.user + times.system)


async def listening(redis: Redis, api: ClusterApi, handlers: int) -> None:
    """Until every handler is adopted, every status is written and the stream has its group."""

    async def adopted() -> bool:
        uids = await redis.zrange(Keys().jobs, 0, -1)
        groups = await redis.xinfo_groups(STREAM) if await redis.exists(STREAM) else []
        told = not await redis.zcard(Keys().dirty)
        return sum(str(uid).startswith("eh.") for uid in uids) >= handlers and bool(groups) and told

    async def told() -> bool:
        said = [one for item in await api.pages(PATH) for one in item.get("status", {}).get("conditions", ())]
        return sum(one["type"] == "Listening" and one["status"] == "True" for one in said) >= handlers

    await poll(adopted)
    await poll(told, pause=0.02 if handlers < 1_000 else 2.0)  # a long list costs the API server a while


async def target_uid(redis: Redis) -> str:
    """The job that the events run."""
    return str(next(uid for uid in await redis.zrange(Keys().jobs, 0, -1) if not str(uid).startswith("eh.")))


async def routed(count: int, report: Report) -> None:
    """Events a second from the stream to runs in their lane, by one router and no worker."""
    async with control_plane() as (plane, api):
        redis = connect(plane.redis_url, timeout=60)
        await create(api, "default", [job("target")])
        await apply_handlers(api, count)
        parts = [*operators(plane, 1), *routers(plane, 1)]
        async with running(parts) as (_, router):
            await listening(redis, api, count)
            active = Keys().active(await target_uid(redis))
            await add(redis, 0, WARM)
            await poll(lambda: _at_least(redis, active, WARM))
            before, begin = cpu(router), time.perf_counter()
            await add(redis, WARM, EVENTS)
            await poll(lambda: _at_least(redis, active, WARM + EVENTS))
            took, used = time.perf_counter() - begin, cpu(router) - before
        assert await redis.zcard(active) == WARM + EVENTS
        await redis.aclose(close_connection_pool=True)
    note = judged(EVENTS / took, at_least=GOAL) if count == max(COUNTS) else ""
    report.add(f"{count:,} handlers, one matches", EVENTS / took, "events/s", EVENTS / took / GOAL, note)
    report.add("  processor time of the router", used / EVENTS * 1e6, "us/event", None, f"{used / took:.2f} of a core")


async def storm(report: Report) -> None:
    """What is due by schedule during a storm of events: from the nominal instant to the entry in the stream."""
    async with control_plane() as (plane, api):
        redis = connect(plane.redis_url, timeout=60)
        await create(api, "default", [job("target", queue="runs")])
        await create(
            api,
            "default",
            [job(f"clock-{number}", every="1s", queue="clocks", maxBacklog=10_000) for number in range(CLOCKS)],
        )
        await apply_handlers(api, 1)
        parts = [*operators(plane, 1), *routers(plane, 1)]
        async with running(parts) as (_, router):
            await listening(redis, api, 1)
            uid = str(await redis.hget(Keys().names, "default/target"))
            clocks = Keys().lane("clocks", "medium")
            calm = await _late(redis, clocks, 10)
            before, begin, since = memory(router), time.perf_counter(), await _end(redis, clocks)
            adding = asyncio.create_task(add(redis, 0, STORM))
            most = before
            while not await _at_least(redis, Keys().active(uid), STORM):
                most = max(most, memory(router))
                await asyncio.sleep(0.5)
            took = time.perf_counter() - begin
            await adding
            late = await _late(redis, clocks, 0, since)
        assert await redis.zcard(Keys().active(uid)) == STORM
        await redis.aclose(close_connection_pool=True)
    assert len(late) >= CLOCKS * (int(took) - 2), f"{len(late)} instants in {took:.0f} s of {CLOCKS} jobs"
    report.add(f"a storm of {STORM:,} events", STORM / took, "events/s")
    report.add("  the router's memory grows by at most", (most - before) / 2**20, "MiB")
    report.add(f"  due to stream before it, {CLOCKS} jobs every second, p99", share_of(calm, 0.99), "ms")
    value = share_of(late, 0.99)
    note = f"{judged(value, below=LATEST)}; p50 {share_of(late, 0.5):.0f}, most {max(late):.0f}"
    report.add(f"  due to stream during it, {len(late)} instants, p99", value, "ms", value / LATEST, note)


async def _late(redis: Redis, stream: str, seconds: float, since: str = "") -> list[float]:
    """How late (ms) each entry is that comes after ``since``, or from now on, within so many seconds."""
    since = since or await _end(redis, stream)
    await asyncio.sleep(seconds)
    rows = await redis.xrange(stream, f"({since}", "+")
    return [float(entry.partition("-")[0]) - float(fields["nominal"]) for entry, fields in rows]


async def _end(redis: Redis, stream: str) -> str:
    rows = await redis.xrevrange(stream, count=1)
    return str(rows[0][0]) if rows else "0-0"


async def _at_least(redis: Redis, active: str, number: int) -> bool:
    return int(await redis.zcard(active)) >= number


async def lateness(report: Report) -> None:
    """From an event's XADD to the first line of the handler of the run that it caused."""
    with tempfile.TemporaryDirectory() as name:
        lines = Path(name) / "lateness"
        os.environ[LATENESS] = str(lines)
        async with control_plane() as (plane, api):
            redis = connect(plane.redis_url, timeout=60)
            body = job("target")
            body["spec"]["handler"] = {"function": {"name": "bench:event"}}
            await create(api, "default", [body])
            await apply_handlers(api, 1)
            handlers = str(Path(__file__).with_name("handlers.py"))
            async with running([*operators(plane, 1), *routers(plane, 1), *workers(plane, 1, handlers)]):
                await listening(redis, api, 1)
                uid = await target_uid(redis)
                begin = time.monotonic()
                for number in range(RATE * SECONDS):
                    await asyncio.sleep(max(0.0, begin + number / RATE - time.monotonic()))
                    await redis.xadd(STREAM, {"event": cloud_event(number, sent=time.time_ns())})
                await poll(lambda: _done(redis, uid, RATE * SECONDS), 60)
            await redis.aclose(close_connection_pool=True)
        pairs = [tuple(map(int, line.split())) for line in lines.read_text().splitlines()]
    assert len(pairs) == RATE * SECONDS, f"{len(pairs)} of {RATE * SECONDS} events were acted on"
    late = [(at - sent) / 1e6 for sent, at in pairs]
    for share, goal in ((0.5, MIDDLE), (0.99, MOST)):
        value = share_of(late, share)
        what = f"XADD to the handler's first line at {RATE}/s, p{share * 100:.0f}"
        report.add(what, value, "ms", value / goal, judged(value, below=goal))
    report.add("  most", max(late), "ms")


async def _done(redis: Redis, uid: str, count: int) -> bool:
    return int(await redis.hget(Keys().job(uid), "n:success") or 0) >= count


def each_costs(report: Report, what: str, count: int, act: Callable[[int], object]) -> None:
    """The processor time of something that is done many times."""
    begin = time.process_time()
    for number in range(count):
        act(number)
    report.add(what, (time.process_time() - begin) / count * 1e6, "us")


def expressions_cost(report: Report) -> None:
    """Reading an event, converting it for expressions once, and judging each of them."""
    texts = [cloud_event(number) for number in range(5_000)]
    events = [read_event(text) for text in texts]
    seen = [expressions.seen(event) for event in events]
    program = expressions.compile(EXPRESSION)
    each_costs(report, "an event is read", 5_000, lambda n: read_event(texts[n]))
    each_costs(report, "an event is converted for CEL, once for all handlers", 5_000, lambda n: _see(events[n]))
    each_costs(report, "a filter of three comparisons", 5_000, lambda n: program.holds(seen[n]))


def _see(event: Event) -> object:
    return expressions.compile("event.type != ''").holds(expressions.seen(event))


async def taken_in(report: Report) -> None:
    """CloudEvents as the HTTP service takes them, without a web server: until they are in the stream."""
    async with control_plane() as (plane, _):
        redis = connect(plane.redis_url, timeout=60)
        ingest = Ingest(RedisEventLog(redis, Keys()), STREAM)
        now = int(time.time() * 1000)
        single = [cloud_event(number).encode() for number in range(2_000)]
        batches = [
            f"[{','.join(cloud_event(n) for n in range(at, at + 100))}]".encode() for at in range(0, 10_000, 100)
        ]
        for what, kind, bodies, size in (
            ("CloudEvents one by one, 16 at a time", "application/cloudevents+json", single, 1),
            ("CloudEvents in batches of 100, 4 at a time", "application/cloudevents-batch+json", batches, 100),
        ):
            seconds = await _post(ingest, kind, bodies, now, 16 if size == 1 else 4)
            report.add(what, len(bodies) * size / seconds, "events/s", None, "no web server in front")
        await redis.aclose(close_connection_pool=True)


async def _post(ingest: Ingest, kind: str, bodies: Sequence[bytes], now: int, at_once: int) -> float:
    async def post(body: bytes) -> None:
        await ingest.accept({"content-type": kind}, body, now)

    return await each(bodies, at_once, post)


async def measure(report: Report) -> None:
    for count in COUNTS:
        await routed(count, report)
    await lateness(report)
    await storm(report)
    expressions_cost(report)
    await taken_in(report)


def main() -> None:
    report = Report("events", f"{EVENTS:,} events, a run each (runJob), one router, AOF everysec")
    asyncio.run(measure(report))
    report.show()
