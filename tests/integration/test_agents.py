"""Work that an agent does, read from its stream by a process that knows nothing of ours but the page about it."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from contract.conftest import redis_socket  # noqa: F401 - a fixture
from eventually import eventually
from integration.workerbench import Bench
from kronstream.domain.retry import Retry
from kronstream.domain.run import State
from kronstream.ports import Change

READER = Path(__file__).parents[2] / "examples" / "stream_reader.py"
AGENTS, REPLIES = "stream:agents:dispatch", "stream:scheduler:replies"
ONCE = Retry(limit=0)


@pytest.fixture
def bench(tmp_path: Path, redis_socket: Path) -> Iterator[Bench]:  # noqa: F811
    bench = Bench(tmp_path, redis_socket)
    yield bench
    bench.close()


@contextmanager
def reading(bench: Bench, url: str = "") -> Iterator[Path]:
    """The reference reader as a process; its output."""
    path = bench.folder / "reader.log"
    with path.open("w") as log:
        process = subprocess.Popen([sys.executable, str(READER), url or bench.url, AGENTS], stdout=log, stderr=log)
    try:
        eventually(lambda: "reading" in path.read_text(), because=path.read_text())
        yield path
    finally:
        process.kill()
        process.wait(10)


def ordered(bench: Bench, name: str, payload: Any = None, **work: Any) -> str:
    (run,) = bench.dispatch("@agent", payload, call={"name": name}, **work)
    return run


def test_an_agent_does_the_work_tells_how_far_it_is_and_replies(bench: Bench) -> None:
    bench.worker().ready()
    with reading(bench):
        run = ordered(bench, "review", {"documents": [*"abcdefghij"], "seconds": 0.4})
        seen = eventually(lambda: (found := bench.record(run)).progress and found)
        assert seen.state is State.RUNNING
        assert re.fullmatch(r"\d of 10 documents", (seen.progress or {})["text"])
        record = bench.over(run)
        assert (record.state, record.result, record.attempt) == (State.SUCCESS, {"reviewed": 10}, 1)
        # the reader takes its order away once it has replied, the worker the reply once it is kept
        eventually(lambda: bench.pending() == bench.redis.xlen(REPLIES) == bench.redis.xlen(AGENTS) == 0)


def test_a_failed_order_is_tried_again_and_fails_with_what_the_agent_said(bench: Bench) -> None:
    bench.worker().ready()
    with reading(bench):
        record = bench.over(ordered(bench, "refuse", "x", retry=Retry(limit=1, initial=1, jitter=0)))
    assert (record.state, record.reason, record.attempt) == (State.FAILED, "error", 2)
    assert record.error is not None
    assert (record.error["type"], record.error["message"]) == ("ValueError", "no: x")


def test_a_cancelled_order_is_taken_back(bench: Bench) -> None:
    bench.worker().ready()
    with reading(bench) as output:
        run = ordered(bench, "review", {"documents": ["a"] * 100, "seconds": 0.3})
        eventually(lambda: bench.record(run).progress)
        assert bench.cancel(run) == [Change.OK]
        eventually(lambda: f"cancelled {run}" in output.read_text())
    assert bench.record(run).state is State.CANCELLED


def test_without_a_reply_nothing_ends_but_by_the_timeout(bench: Bench) -> None:
    worker = bench.worker("--concurrency", "1").ready()
    runs = [ordered(bench, "review", timeout=8_000, retry=ONCE) for _ in range(3)]
    # a parked run holds no slot: the only one executes others meanwhile
    (echo,) = bench.dispatch("async:echo", 1)
    assert bench.over(echo).state is State.SUCCESS
    assert [bench.record(run).state for run in runs] == [State.RUNNING] * 3
    assert bench.redis.xlen(AGENTS) == 3
    records = [bench.over(run) for run in runs]
    assert {(record.state, record.reason) for record in records} == {(State.FAILED, "timeout")}
    kinds = eventually(lambda: len(bench.redis.xrange(AGENTS)) == 6 and bench.redis.xrange(AGENTS))
    assert [fields["kind"] for _, fields in kinds] == ["agent"] * 3 + ["cancel"] * 3
    assert worker.get("/readyz")[0] == 200


def test_garbage_in_the_reply_stream_is_set_aside_and_holds_up_nothing(bench: Bench) -> None:
    bench.worker().ready()
    run = ordered(bench, "review", {"documents": []})
    order = eventually(lambda: bench.redis.xrange(AGENTS))[0][1]
    for fields in (
        {"hello": "world"},
        {"run": run, "token": order["token"], "status": "maybe"},
        {"run": run, "token": "stolen", "status": "success", "result": "1"},
        {"run": "nobody-s1", "token": "x", "status": "success"},
        {"run": run, "token": order["token"], "status": "success", "result": "{not json"},
        {"run": run, "token": order["token"], "status": "success", "result": json.dumps({"ok": True})},
    ):
        bench.redis.xadd(REPLIES, fields)
    record = bench.over(run)
    assert (record.state, record.result) == (State.SUCCESS, {"ok": True})
    letters = [fields["reason"] for _, fields in bench.redis.xrange(bench.keys.dead)]
    assert len(letters) == 3
    assert "needs the run and the token" in letters[0]
    assert order["token"] not in "".join(worker.log for worker in bench.workers)


def test_a_worker_killed_after_the_order_loses_nothing(bench: Bench) -> None:
    first = bench.worker().ready()
    run = ordered(bench, "review", {"documents": ["a"]}, timeout=60_000)
    eventually(lambda: bench.redis.xlen(AGENTS) == 1)
    first.kill()
    bench.worker().ready()
    with reading(bench):
        record = bench.over(run)
    assert (record.state, record.attempt) == (State.SUCCESS, 1)


def test_a_reader_needs_no_more_rights_than_the_page_gives(bench: Bench) -> None:
    page = READER.parents[1] / "docs" / "handlers-streams.md"
    (rule,) = re.findall(r"^ACL SETUSER [^`]+", page.read_text("utf-8"), re.MULTILINE)
    bench.redis.execute_command(*rule.split())
    try:
        bench.worker().ready()
        with reading(bench, bench.url.replace("unix://", "unix://agents:secret@")) as output:
            record = bench.over(ordered(bench, "review", {"documents": ["a"]}))
            assert (record.state, record.result) == (State.SUCCESS, {"reviewed": 1}), output.read_text()
    finally:
        bench.redis.execute_command("ACL", "DELUSER", "agents")


@pytest.fixture
def reader(bench: Bench) -> Any:
    """The reference reader, which reads nothing by itself; its work waits for the event `go`."""
    spec = importlib.util.spec_from_file_location("stream_reader", READER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    reader = module.Reader(bench.url, AGENTS)
    reader.go, reader.began = threading.Event(), []

    def wait(payload: Any, *_: object) -> Any:
        reader.began.append(payload)
        assert reader.go.wait(20)
        return payload

    module.WORK["wait"] = wait
    reader.redis.xgroup_create(AGENTS, module.GROUP, id="0", mkstream=True)
    return reader


def order_of(attempt: int = 1) -> dict[str, str]:
    return {
        "kind": "agent", "name": "wait", "run": "uid-s1", "attempt": str(attempt), "token": f"t{attempt}",
        "reply": REPLIES, "payload": str(attempt),
    }  # fmt: skip


def taken(reader: Any) -> list[str]:
    """What the reader takes now: entries that were left, then new ones."""
    _, left, *_ = reader.redis.xautoclaim(AGENTS, "agents", reader.name, 0)
    answer = reader.redis.xreadgroup("agents", reader.name, {AGENTS: ">"})
    found = [*left, *(answer[0][1] if answer else [])]
    for entry, order in found:
        reader.take(entry, order)
    return [entry for entry, _ in found]


def test_an_order_is_acknowledged_after_its_reply_and_worked_on_once(bench: Bench, reader: Any) -> None:
    first, again, second = (bench.redis.xadd(AGENTS, order_of(attempt)) for attempt in (1, 1, 2))
    assert taken(reader) == [first, again, second]
    assert taken(reader) == [first, second]  # claimed again while they are worked on
    assert bench.redis.xpending(AGENTS, "agents")["pending"] == 2
    assert bench.redis.xlen(REPLIES) == 0
    reader.go.set()
    eventually(lambda: bench.redis.xpending(AGENTS, "agents")["pending"] == 0)
    eventually(lambda: not reader.working)
    assert sorted(fields["result"] for _, fields in bench.redis.xrange(REPLIES)) == ["1", "2"]
    bench.redis.xadd(AGENTS, order_of(1))
    taken(reader)
    assert bench.redis.xlen(AGENTS) == 0
    assert sorted(reader.began) == [1, 2]


def test_what_is_worked_on_is_kept_from_other_readers(bench: Bench, reader: Any) -> None:
    bench.redis.xadd(AGENTS, order_of())
    taken(reader)

    def idle() -> int:
        (one,) = bench.redis.xpending_range(AGENTS, "agents", "-", "+", 1)
        return int(one["time_since_delivered"])

    before = eventually(lambda: (known := idle()) > 500 and known)

    def kept() -> bool:
        reader.keep()
        return idle() < before

    eventually(kept)
    reader.go.set()
    eventually(lambda: not reader.working)
    reader.keep()
    assert bench.redis.xpending(AGENTS, "agents")["pending"] == 0
