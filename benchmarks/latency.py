"""From the instant a run is due to its handler's first line, at 200 runs a second, on a whole installation."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from pathlib import Path

from benchmarks.bare import create, job
from benchmarks.handlers import LATENESS
from benchmarks.installation import control_plane, running
from benchmarks.report import Report, judged, share_of
from kronstream.dev.components import operators, workers
from kronstream.resources.instant import render

JOBS = 200
WARM, MEASURED = 10.0, 30.0  # seconds
MIDDLE, MOST = 2.0, 10.0  # ms, the goals


def spread_jobs(count: int, begin: int) -> list[dict[str, object]]:
    """Jobs that run every second, spread evenly over it; `begin` is in milliseconds."""
    jobs = []
    for number in range(count):
        body = job(f"late-{number}", every="1s", anchor=render(begin + number * 1000 // count))
        body["spec"]["handler"] = {"function": {"name": "bench:late"}}
        jobs.append(body)
    return jobs


async def lateness() -> list[float]:
    """Milliseconds from each due instant of the measured time to the handler."""
    with tempfile.TemporaryDirectory() as name:
        lines = Path(name) / "lateness"
        os.environ[LATENESS] = str(lines)
        async with control_plane() as (plane, api):
            handlers = str(Path(__file__).with_name("handlers.py"))
            async with running([*operators(plane, 1), *workers(plane, 1, handlers)]):
                await create(api, "default", spread_jobs(JOBS, int(time.time()) * 1000))
                begin = time.time() + WARM
                await asyncio.sleep(WARM + MEASURED + 1)
        pairs = [tuple(map(int, line.split())) for line in lines.read_text().splitlines()]
    first, last = int(begin * 1e9), int((begin + MEASURED) * 1e9)
    return [(at - nominal) / 1e6 for nominal, at in pairs if first <= nominal < last]


def main() -> None:
    report = Report("latency", f"{JOBS} runs a second, one operator, one worker, AOF everysec")
    late = asyncio.run(lateness())
    expected = JOBS * MEASURED
    assert len(late) >= expected * 0.99, f"{len(late)} of {expected:.0f} runs"
    report.add("runs measured", len(late), "runs", len(late) / expected, f"within {MEASURED:.0f} s")
    half, nearly = share_of(late, 0.5), share_of(late, 0.99)
    report.add("due instant to handler, p50", half, "ms", half / MIDDLE, judged(half, below=MIDDLE))
    report.add("due instant to handler, p99", nearly, "ms", nearly / MOST, judged(nearly, below=MOST))
    report.add("due instant to handler, least", min(late), "ms")
    report.add("due instant to handler, most", max(late), "ms")
    report.show()
