"""The first process of a container: signals without a handler do not reach it, and orphans are its children."""

import os
import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner

from kronstream.cli.main import main

ORPHANS = """
import ctypes, subprocess, time, psutil
from kronstream.worker.orphans import reap

assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0  # PR_SET_CHILD_SUBREAPER: orphans come here, as to process 1
ours = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
subprocess.run(["sh", "-c", "setsid true & setsid true &"], check=True)
me, deadline = psutil.Process(), time.monotonic() + 20
while sum(child.status() == psutil.STATUS_ZOMBIE for child in me.children()) < 2:
    assert time.monotonic() < deadline
dead = reap(set())
assert len(dead) == 2 and len(me.children()) == 3, "one look is not enough: somebody else may be about to wait for it"
assert reap(dead) == set()
assert [child.pid for child in me.children()] == [ours.pid], "who lives stays"
ours.communicate()
"""


@pytest.fixture
def signals() -> object:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_it_ends_when_it_is_told_while_it_starts(signals: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getpid", lambda: 1)
    CliRunner().invoke(main, ["crds", "--help"])
    handler = signal.getsignal(signal.SIGTERM)
    assert callable(handler)
    with pytest.raises(SystemExit, match="143"):
        handler(signal.SIGTERM, None)


def test_any_other_process_keeps_its_signals(signals: object) -> None:
    before = signal.getsignal(signal.SIGTERM)
    CliRunner().invoke(main, ["crds", "--help"])
    assert signal.getsignal(signal.SIGTERM) is before


def test_orphans_are_taken_leave_of() -> None:
    subprocess.run([sys.executable, "-c", ORPHANS], check=True, timeout=60)
