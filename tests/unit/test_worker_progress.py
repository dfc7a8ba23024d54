"""What a run knows of the runs before it, and what it tells of itself while it executes."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from kronstream.domain.run import Reason, State
from kronstream.handlers import LastSuccess, Run
from kronstream.ports import LastSuccess as Last
from kronstream.worker import progress
from kronstream.worker.discovery import load
from kronstream.worker.notes import Notes
from kronstream.worker.progress import Pace, Speaker, report
from kronstream.worker.registry import Registry
from unit.executorbench import HOSTILE, Bench
from unit.fakequeue import FakeQueue, claim

pytestmark = pytest.mark.anyio
NOMINAL = 1_700_000_000_000


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load([HOSTILE])


class Reports:
    """Notes what is written, and when; `broken` raises instead."""

    def __init__(self) -> None:
        self.lines: list[tuple[float, str, str, dict[str, Any]]] = []
        self.some = asyncio.Event()
        self.broken = False

    async def progress(self, run: str, token: str, progress: str) -> bool:
        if self.broken:
            raise ConnectionError("gone")
        self.lines.append((time.monotonic(), run, token, json.loads(progress)))
        self.some.set()
        return True


class Noted(Bench):
    """A bench with a store beside it."""

    def __init__(self, registry: Registry) -> None:
        self.queue = FakeQueue()
        self.told = Reports()
        super().__init__(registry, notes=Notes(self.queue, self.told))


@pytest.fixture
async def bench(registry: Registry) -> AsyncIterator[Noted]:
    bench = Noted(registry)
    yield bench
    await bench.children.close()
    bench.slate.close()


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_many_reports_are_few_writes_and_the_last_one_is_there(bench: Noted, kind: str) -> None:
    one = claim(f"{kind}:progress", 50_000)
    async with asyncio.timeout(60):
        outcome = await bench.start(one)
    assert outcome is not None
    assert outcome.state is State.SUCCESS, outcome
    assert bench.told.lines[-1][1:] == (one.run, one.token, {"done": 1.0, "text": "over", "data": {"steps": 50_000}})
    times = [at for at, *_ in bench.told.lines[:-1]]
    assert all(later - earlier >= progress.EVERY * 0.95 for earlier, later in pairwise(times))
    assert len(bench.told.lines) <= 3 + outcome.duration / 1000


async def test_what_was_said_is_seen_while_the_handler_is_silent(bench: Noted, tmp_path: Path) -> None:
    report_ = bench.start(claim("sync:progress_waits", str(tmp_path / "go")))
    async with asyncio.timeout(20):
        while not bench.told.lines or bench.told.lines[-1][3]["text"] != "second":
            bench.told.some.clear()
            await bench.told.some.wait()
    assert not report_.done()
    (tmp_path / "go").touch()
    outcome = await report_
    assert outcome is not None
    assert outcome.state is State.SUCCESS


async def test_a_process_that_told_its_progress_is_used_again(bench: Noted) -> None:
    first = (await bench.outcome("sync:pid")).result
    await bench.outcome("sync:progress", 100)
    assert (await bench.outcome("sync:pid")).result == first


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_a_store_that_does_not_answer_harms_no_handler(bench: Noted, kind: str) -> None:
    bench.told.broken = True
    assert (await bench.outcome(f"{kind}:progress", 3)).result == '"told"'


async def test_without_notes_progress_goes_nowhere(registry: Registry) -> None:
    bench = Bench(registry)
    try:
        for kind in ("sync", "async"):
            assert (await bench.outcome(f"{kind}:progress", 3)).result == '"told"'
    finally:
        await bench.children.close()
        bench.slate.close()


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_a_run_knows_the_one_before_and_the_last_success(bench: Noted, kind: str) -> None:
    bench.queue.results["uid-s5"] = '{"cursor":17}'
    past = {"previous": NOMINAL - 60_000, "trace": "trace-4", "last_success": Last("uid-s5", NOMINAL - 120_000, True)}
    outcome = await bench.outcome(f"{kind}:last", **past)
    assert json.loads(outcome.result or "") == [
        "2023-11-14T22:12:20+00:00", "trace-4", ["2023-11-14T22:11:20+00:00", "uid-s5", {"cursor": 17}],
    ]  # fmt: skip

    expired = {**past, "last_success": Last("uid-s4", NOMINAL - 120_000, True)}
    assert json.loads((await bench.outcome(f"{kind}:last", **expired)).result or "")[2][1:] == ["uid-s4", None]

    asked = bench.queue.calls.count("result")
    nothing = {**past, "last_success": Last("uid-s4", NOMINAL - 120_000, False)}
    assert json.loads((await bench.outcome(f"{kind}:last", **nothing)).result or "")[2][1:] == ["uid-s4", None]
    assert (await bench.outcome(f"{kind}:echo", 1, **past)).result == "1"
    assert bench.queue.calls.count("result") == asked, "asked for a function that takes no Run, or for no result"


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_the_last_result_is_waited_for_until_the_timeout(bench: Noted, kind: str) -> None:
    bench.queue.results["uid-s5"] = "5"
    failures = iter([ConnectionError("gone"), ConnectionError("gone")])

    def twice(call: str) -> None:
        if call == "result" and (error := next(failures, None)):
            raise error

    bench.queue.broken = twice
    past = {"previous": NOMINAL, "last_success": Last("uid-s5", NOMINAL, True)}
    assert json.loads((await bench.outcome(f"{kind}:last", **past)).result or "")[2][2] == 5

    def always(call: str) -> None:
        raise ConnectionError("gone")

    bench.queue.broken = always
    outcome = await bench.outcome(f"{kind}:last", timeout=400, **past)
    assert outcome.reason is Reason.TIMEOUT


def test_a_run_of_a_test_needs_nothing() -> None:
    run = Run()
    run.progress(0.5, "half")
    assert (run.previous, run.last_success, run.trace_id, run.remaining) == (None, None, None, 0.0)
    soon = Run(deadline=datetime.now(UTC) + timedelta(seconds=30))
    assert 20 < soon.remaining <= 30
    assert LastSuccess(datetime.now(UTC)).result is None


def test_a_report_is_bounded() -> None:
    assert report(1) == '{"done":1.0}'
    assert report(0.1 + 0.2, "third", [1]) == '{"done":0.3,"text":"third","data":[1]}'
    assert len(json.loads(report(0, "x" * 5_000))["text"]) == 200
    assert json.loads(report(0, data="x" * 1_022))["data"] == "x" * 1_022
    assert report(1.0000000001)


@pytest.mark.parametrize(
    ("args", "kind", "says"),
    [
        ((50,), ValueError, "progress of 50: give the share that is done, from 0 to 1, such as done / total"),
        ((-0.1,), ValueError, "from 0 to 1"),
        ((float("nan"),), ValueError, "from 0 to 1"),
        (("half",), TypeError, "not a number"),
        ((True,), TypeError, "not a number"),
        ((0, "", "x" * 1_023), ValueError, "1025 bytes of JSON and 1024 are allowed"),
        ((0, "", {1, 2}), ValueError, "is not JSON"),
        ((0, "", float("inf")), ValueError, "is not JSON"),
    ],
)
def test_a_report_that_cannot_be_kept_says_what_to_write(args: Any, kind: type[Exception], says: str) -> None:
    with pytest.raises(kind, match=says):
        Run().progress(*args)


async def test_the_last_word_of_a_pace_is_written_and_nothing_after_it() -> None:
    written: list[str] = []

    async def write(line: str) -> None:
        await asyncio.sleep(0)
        written.append(line)

    pace = Pace(write)
    for word in ("a", "b", "c"):
        pace.note(word)
    await pace.close()
    pace.note("d")
    await asyncio.sleep(0)
    assert written == ["c"] or written == ["a", "c"]


def test_a_speaker_leaves_no_thread_and_says_the_last() -> None:
    said: list[str] = []
    before = set(threading.enumerate())
    speaker = Speaker(said.append)
    for word in ("a", "b", "c"):
        speaker.tell(word)
    speaker.close()
    speaker.tell("d")
    assert said == ["a", "c"]
    assert set(threading.enumerate()) == before
