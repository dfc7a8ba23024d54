"""Child processes: started, stopped, watched, and gone when their parent is."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from eventually import eventually, gone
from kronstream.dev.errors import PartFailedError
from kronstream.dev.process import Process
from kronstream.dev.supervisor import Supervisor

STUBBORN = "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(99)"
FAMILY = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(99)'], start_new_session=True)
print(child.pid, flush=True)
time.sleep(99)
"""


class Clock:
    """A clock that stands until it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def made(tmp_path: Path) -> Iterator["Factory"]:
    factory = Factory(tmp_path)
    yield factory
    for process in factory.all:
        process.stop(signal.SIGKILL)


class Factory:
    """Makes processes that run Python code."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.all: list[Process] = []

    def __call__(self, code: str, name: str = "part") -> Process:
        process = Process(name, [sys.executable, "-c", code], self.folder / f"{name}.log")
        self.all.append(process)
        return process


def test_it_runs_under_its_id_and_logs_to_its_file(made: Factory) -> None:
    part = made("import os,time; print(os.getpid(), flush=True); time.sleep(99)")
    part.start()

    assert eventually(part.log.tail) == [str(part.pid)]


def test_starting_a_running_one_changes_nothing(made: Factory) -> None:
    part = made("import time; time.sleep(99)")
    part.start()
    first = part.pid
    part.start()

    assert part.pid == first


def test_one_that_ignores_sigterm_is_killed(made: Factory) -> None:
    part = made(STUBBORN)
    part.start()
    eventually(part.log.tail)

    part.stop(grace=0.1)

    assert part.pid is None
    assert part.exit_code == -signal.SIGKILL


def test_a_frozen_one_is_stopped_too(made: Factory) -> None:
    part = made("print('up', flush=True); import time; time.sleep(99)")
    part.start()
    eventually(part.log.tail)
    part.send(signal.SIGSTOP)

    part.stop(grace=10)

    assert part.exit_code == -signal.SIGTERM


def test_descendants_go_along_even_from_a_session_of_their_own(made: Factory) -> None:
    part = made(FAMILY)
    part.start()
    child = int(eventually(part.log.tail)[0])

    part.stop()

    assert gone(child)


def test_one_that_ends_before_it_is_ready_shows_its_log(made: Factory) -> None:
    part = made("raise SystemExit('no such flag: --colour')")
    part.start()

    with pytest.raises(PartFailedError, match=r"part ended with code 1(.|\n)*no such flag: --colour"):
        part.wait_until(lambda: False, limit=10)


def test_one_that_is_never_ready_is_reported(made: Factory) -> None:
    part = made("import time; time.sleep(99)")
    part.start()

    with pytest.raises(PartFailedError, match="was not ready within 0 s"):
        part.wait_until(lambda: False, limit=0.05)


def test_a_program_that_is_not_there_ends_at_once(tmp_path: Path) -> None:
    part = Process("part", ["/nowhere/etcd"], tmp_path / "part.log")
    part.start()

    with pytest.raises(PartFailedError, match="No such file"):
        part.wait_until(lambda: False, limit=10)


def test_children_die_with_a_killed_parent_whatever_thread_started_them(tmp_path: Path) -> None:
    code = f"""
import threading, time
from pathlib import Path
from kronstream.dev.process import Process
part = Process("part", ["/bin/sleep", "99"], Path({str(tmp_path)!r}) / "part.log")
starter = threading.Thread(target=part.start)
starter.start()
starter.join()
print(part.pid, flush=True)
time.sleep(99)
"""
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    eventually(lambda: psutil.Process(child).name() == "sleep")  # the thread that started it has ended, and it lives

    parent.kill()
    parent.wait()
    parent.stdout.close()

    eventually(lambda: gone(child))


def test_what_ends_is_started_again_after_a_growing_delay(made: Factory) -> None:
    clock, said = Clock(), list[str]()
    supervisor = Supervisor(said.append, clock)
    part = made("import time; time.sleep(99)")
    part.start()
    supervisor.watch(part)

    for delay in (1, 2, 4, 8, 16, 30, 30):
        part.stop(signal.SIGKILL)
        supervisor.tick()
        assert said[-1] == f"part ended (SIGKILL); it is started again in {delay} s"
        assert supervisor.pids == {"part": None}
        clock.now += delay - 0.01
        supervisor.tick()
        assert supervisor.pids == {"part": None}
        clock.now += 0.01
        supervisor.tick()
        assert supervisor.pids == {"part": part.pid}
        assert part.pid is not None
    assert supervisor.ends("part") == 7


def test_the_delay_starts_over_after_a_healthy_minute(made: Factory) -> None:
    clock, said = Clock(), list[str]()
    supervisor = Supervisor(said.append, clock)
    part = made("import time; time.sleep(99)")
    part.start()
    supervisor.watch(part)

    for healthy, delay in ((0, 1), (59, 2), (60, 1), (0, 2)):
        clock.now += healthy
        part.stop(signal.SIGKILL)
        supervisor.tick()
        assert said[-1].endswith(f" {delay} s")
        clock.now += delay
        supervisor.tick()


def test_several_are_stopped_together_and_the_late_are_killed(made: Factory) -> None:
    said = list[str]()
    supervisor = Supervisor(said.append)
    good, bad = made("print(1, flush=True); import time; time.sleep(99)", "good"), made(STUBBORN, "bad")
    for part in (good, bad):
        part.start()
        supervisor.watch(part)
        eventually(part.log.tail)
    calls = list[int]()

    supervisor.stop(["good", "bad"], lambda: 0.0 if good.pid is None else 1.0, lambda: calls.append(1))

    assert (good.exit_code, bad.exit_code) == (-signal.SIGTERM, -signal.SIGKILL)
    assert said == ["bad: killed, for the time to end by itself is over"]
    assert supervisor.pids == {}
    assert calls
