"""What a soak reads in its workers' logs."""

from __future__ import annotations

from pathlib import Path

from kronstream.streams.runqueue import LEASE
from soak.fleet import UNSENT, Member

STALL = (
    "2026-01-02T03:04:05.500Z ERROR   kronstream.worker.supervisor: the worker's loop stood still for 6.1 s and was "
    "killed; runs to blame: r-s1; handed back: 3\n"
)
DEATH = (
    "2026-01-02T03:04:06.500Z ERROR   kronstream.worker.supervisor: the loop process was killed by SIGKILL "
    "(out of memory?); it held 33 runs\n"
)
USUAL = "2026-01-02T03:04:07.500Z INFO    kronstream.worker.consumer: run r-s2 of default/x: attempt 1 failed (error)\n"


def member(folder: Path, *lines: str) -> Member:
    found = Member(folder, "redis://nowhere", "worker-1", ("default=1",))
    found.log.write_text("".join(lines))
    return found


def test_what_is_killed_or_blocked_on_purpose_is_no_complaint(tmp_path: Path) -> None:
    assert list(member(tmp_path, USUAL, STALL, DEATH).complaints()) == []


def test_other_errors_and_tracebacks_are(tmp_path: Path) -> None:
    bad = "2026-01-02T03:04:07.500Z ERROR   asyncio: Task exception was never retrieved\n"
    trace = "Traceback (most recent call last):\n", "  File x\n", "ValueError: no\n"
    first, second = member(tmp_path, USUAL, bad, *trace, USUAL).complaints()
    assert "never retrieved" in first
    assert "ValueError: no" in second


def test_a_stall_is_a_harm_from_the_moment_the_loop_stood_still(tmp_path: Path) -> None:
    (harm,) = member(tmp_path, USUAL, STALL, DEATH).stalls()
    killed = 1_767_323_045_500
    assert (harm.worker, harm.since, harm.until) == ("worker-1", killed - 6_100 - UNSENT, killed + LEASE)
    assert not harm.outlasted
