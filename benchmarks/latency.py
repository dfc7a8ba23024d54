"""From the instant a run is due to its handler's first line, at 200 runs a second, on a whole installation."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bare import create, job
from benchmarks.handlers import LATENESS
from benchmarks.installation import control_plane, running
from benchmarks.report import Report, judged, share_of
from kronstream.dev.components import operators, workers
from kronstream.resources.instant import render
from kronstream.streams.connection import connect
from kronstream.streams.keys import Keys
from kronstream.streams.records import Records

JOBS = 200
WARM, MEASURED = 10.0, 30.0  # seconds
MIDDLE, MOST = 2.0, 10.0  # ms, the goals
KEPT = 100  # records of each job


def spread_jobs(count: int, begin: int) -> list[dict[str, object]]:
    """Jobs that run every second, spread evenly over it; `begin` is in milliseconds."""
    jobs = []
    for number in range(count):
        body = job(f"late-{number}", every="1s", anchor=render(begin + number * 1000 // count))
        body["spec"] |= {"handler": {"function": {"name": "bench:late"}}, "history": {"successful": KEPT}}
        jobs.append(body)
    return jobs


@dataclass(frozen=True)
class Late:
    """Milliseconds from due instants: to the handler, and by the records, whole ones, to the dispatch and from there to
    the start that the store knows."""

    handler: list[float]
    dispatch: list[float]
    start: list[float]


async def lateness() -> Late:
    """How late everything was that came due in the measured time."""
    with tempfile.TemporaryDirectory() as name:
        lines = Path(name) / "lateness"
        os.environ[LATENESS] = str(lines)
        async with control_plane() as (plane, api):
            handlers = str(Path(__file__).with_name("handlers.py"))
            async with running([*operators(plane, 1), *workers(plane, 1, handlers)]):
                await create(api, "default", spread_jobs(JOBS, int(time.time()) * 1000))
                begin = int((time.time() + WARM) * 1000)
                await asyncio.sleep(WARM + MEASURED + 1)
            end = begin + int(MEASURED * 1000)
            redis = connect(plane.redis_url, timeout=60)
            records = [
                record
                for uid in await redis.zrange(Keys().jobs, 0, -1)
                for record in await Records(redis, Keys()).of_job(uid, KEPT)
                if record.nominal is not None and begin <= record.nominal < end and record.started is not None
            ]
            await redis.aclose(close_connection_pool=True)
        pairs = [tuple(map(int, line.split())) for line in lines.read_text().splitlines()]
    return Late(
        [(at - nominal) / 1e6 for nominal, at in pairs if begin * 1_000_000 <= nominal < end * 1_000_000],
        [float(record.dispatched - (record.nominal or 0)) for record in records],
        [float((record.started or 0) - record.dispatched) for record in records],
    )


def main() -> None:
    report = Report("latency", f"{JOBS} runs a second, one operator, one worker, AOF everysec")
    late = asyncio.run(lateness())
    expected = JOBS * MEASURED
    assert len(late.handler) >= expected * 0.99, f"{len(late.handler)} of {expected:.0f} runs"
    report.add("runs measured", len(late.handler), "runs", len(late.handler) / expected, f"within {MEASURED:.0f} s")
    half, nearly = share_of(late.handler, 0.5), share_of(late.handler, 0.99)
    report.add("due instant to handler, p50", half, "ms", half / MIDDLE, judged(half, below=MIDDLE))
    report.add("due instant to handler, p99", nearly, "ms", nearly / MOST, judged(nearly, below=MOST))
    report.add("due instant to handler, least", min(late.handler), "ms")
    report.add("due instant to handler, most", max(late.handler), "ms")
    for what, values in (("due instant to dispatch", late.dispatch), ("dispatch to the run's start", late.start)):
        for share in (0.5, 0.99):
            report.add(f"  {what}, p{share * 100:.0f}", share_of(values, share), "ms", None, "by the records, whole ms")
    report.show()
