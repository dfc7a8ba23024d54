"""`kronstream top`: on a terminal until Ctrl-C, with what is away and with more jobs than are looked at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kronstream.cli.top import CLEAR
from unit.stubapi import Reply, StubApi, job, page, problem
from unit.terminal import Terminal

STATS, JOBS = "GET /stats", "GET /jobs?namespace=default&limit=500&offset=0"
LANE = {"queue": "default", "lane": "medium", "waiting": 3, "taken": 1, "oldest_ms": 4_000}
SOON = "2126-11-28T12:00:00.000Z"


def stats(running: int = 0) -> Reply:
    """The scheduler's figures, with so many runs that run."""
    told: dict[str, Any] = {"jobs": {"active": 2}, "runs": {"running": running}, "queues": [LANE], "workers": []}
    return Reply(value={**told, "dead_letters": {"run": 0, "event": 0}})


@pytest.fixture
def stub() -> Iterator[StubApi]:
    with StubApi({STATS: stats(), JOBS: page(job(next_run=SOON), job("b", failure_count=0))}) as api:
        yield api


def live(stub: StubApi, *options: str, **more: Any) -> Terminal:
    return Terminal("top", "--every", "1s", *options, KRONSTREAM_SERVER=stub.url, **more)


def test_it_looks_again_and_again_until_ctrl_c(stub: StubApi) -> None:
    stub.replies[STATS] = [stats(1), stats(2)]
    with live(stub) as terminal:
        first = terminal.until("FAILING")
        terminal.until(CLEAR)
        second = terminal.until("FAILING")
        terminal.press("\x03")
        code, rest = terminal.end()

    assert first.startswith(CLEAR)
    assert "runs: 1 running" in first
    assert "runs: 2 running" in second
    assert "default   3         1       4.0s" in second
    assert "in 3" in second
    assert code == 0
    assert "Traceback" not in rest
    assert "Aborted" not in rest


def test_an_api_that_goes_away_is_asked_again(stub: StubApi) -> None:
    away = problem(503, "Redis is away")
    # what one look asks is tried four times, then it is told
    stub.replies[STATS] = [stats(1), *[Reply(503, away.value, {**away.headers, "Retry-After": "0"})] * 4, stats(3)]
    with live(stub) as terminal:
        terminal.until("runs: 1 running")
        terminal.until("Redis is away; asked again every 1 s, below is what was")
        assert "runs: 1 running" in terminal.until("FAILING")
        terminal.until("runs: 3 running")
        terminal.press("\x03")
        assert terminal.end()[0] == 0


def test_a_right_that_is_missing_ends_it(stub: StubApi) -> None:
    stub.replies[STATS] = problem(403, "x lacks the right: get stats.kronstream.dev")
    with live(stub) as terminal:
        code, said = terminal.end()

    assert code == 5
    assert said.splitlines() == ["Error: x lacks the right: get stats.kronstream.dev"]


def test_parts_fit_on_the_screen(stub: StubApi) -> None:
    stub.replies[JOBS] = page(*(job(f"j{number}", next_run=SOON) for number in range(20)))
    with live(stub, lines=26) as terminal:
        screen = terminal.until("FAILING (3 of 20)").removeprefix(CLEAR)
        terminal.press("\x03")
        terminal.end()

    assert "DUE SOON (3 of 20)" in screen
    assert len(screen.splitlines()) <= 22


def test_jobs_that_are_not_looked_at_are_counted(stub: StubApi) -> None:
    some = page(*(job(f"j{number}") for number in range(500)), total=1_234)
    stub.replies[JOBS] = some

    said = stub.call("top", "--once").stdout.splitlines()

    assert said[1] == "below: the newest 500 of 1234 jobs; 734 are not looked at, -n NAMESPACE means fewer"
    assert "FAILING (8 of 500)" in said
    stub.replies[JOBS] = page(job())
    assert "newest" not in stub.call("top").stdout
