"""The workers of a soak: real processes that are started, ended, frozen and killed by name."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

import psutil

from kronstream.streams.runqueue import LEASE
from soak.evidence import Harm
from soak.kinds import LIMITS

HANDLERS = Path(__file__).with_name("handlers.py")
BAD_LINE = re.compile(r"\b(ERROR|CRITICAL)\b|^ *Traceback |Task exception was never retrieved|was never awaited")
EXPECTED = (
    # what was killed, or stood still because a handler blocked it
    r"ERROR +kronstream.worker.supervisor: the loop process .* it held \d+ runs",
    r"ERROR +kronstream.worker.supervisor: the worker's loop stood still for .* and was killed",
)
STALL = re.compile(r"^(?P<at>\S+) ERROR .*: the worker's loop stood still for (?P<still>[\d.]+) s", re.MULTILINE)
UNSENT = 2_000  # ms; ends from before a stall that may not have been told yet
GRACE = "3s"
ROLES = {"kronstream.worker.process": "loop", "kronstream.worker.nursery": "nursery"}


class Member:
    """One worker: the same name, queues and log in each of its lives."""

    def __init__(self, folder: Path, url: str, name: str, queues: tuple[str, ...]) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._command = [sys.executable, "-m", "kronstream.cli.main", "worker", "--handlers", str(HANDLERS)]
        for flag, values in (("--queue", queues), ("--limits", LIMITS)):
            self._command += [part for value in values for part in (flag, value)]
        self._environ = {
            **os.environ,
            "KRONSTREAM_REDIS_URL": url,
            "KRONSTREAM_CONSUMER_NAME": name,
            "KRONSTREAM_GRACE": GRACE,
            "WITNESS": str(folder / "witness"),
        }
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Begin a life."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self._command, env=self._environ, stdout=log, stderr=log)

    def signal(self, number: int) -> None:
        """Send a signal to the supervisor."""
        if self.process is not None:
            self.process.send_signal(number)

    def family(self) -> list[tuple[str, psutil.Process]]:
        """Its processes and their roles, the supervisor first."""
        if self.process is None or not self.running:
            return []
        try:
            supervisor = psutil.Process(self.process.pid)
            loops = supervisor.children()
            found = [("supervisor", supervisor)]
            for loop in loops:
                found.append((_role(loop), loop))
                for nursery in loop.children():
                    found.append((_role(nursery), nursery))
                    found += [("child", child) for child in nursery.children()]
        except psutil.Error:
            return []
        return found

    def freeze(self, roles: Iterable[str]) -> list[psutil.Process]:
        """Stop those of these roles; whom to `thaw`."""
        wanted = [process for role, process in self.family() if role in roles]
        for process in wanted:
            with contextlib.suppress(psutil.Error):
                process.suspend()
        return wanted

    def complaints(self) -> Iterator[str]:
        """Lines that should not be in its log; what a traceback tells is shown with it."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        for number, line in enumerate(lines):
            if BAD_LINE.search(line) and not any(re.search(pattern, line) for pattern in EXPECTED):
                yield f"{self.name}: " + "\n    ".join(lines[number : number + (20 if "Traceback" in line else 1)])

    def stalls(self) -> Iterator[Harm]:
        """When a handler blocked its loop until it was killed: what it held was lost or handed back."""
        for found in STALL.finditer(self.log.read_text(errors="replace") if self.log.exists() else ""):
            killed = round(datetime.fromisoformat(found["at"]).timestamp() * 1000)
            yield Harm("stall", self.name, killed - round(float(found["still"]) * 1000) - UNSENT, killed + LEASE)


def thaw(processes: Iterable[psutil.Process]) -> None:
    """Let frozen processes go on, the supervisor last."""
    for process in reversed(list(processes)):
        with contextlib.suppress(psutil.Error):
            process.resume()


def _role(process: psutil.Process) -> str:
    line = " ".join(process.cmdline())
    return next((role for module, role in ROLES.items() if module in line), "other")


class Fleet:
    """Three workers. The first one is never killed, so that its memory can be watched; it has no rough handlers."""

    def __init__(self, folder: Path, url: str) -> None:
        usual = ("default=25", "reports=5", "slow=5")
        self.members = [
            Member(folder, url, f"worker-{number}", usual if number == 1 else (*usual, "rough=2"))
            for number in (1, 2, 3)
        ]

    def start(self) -> None:
        """Begin the lives of all that do not run."""
        for member in self.members:
            if not member.running:
                member.start()

    def stop(self, within: float) -> list[str]:
        """End all; what was wrong with how they ended."""
        wrong = []
        for member in self.members:
            member.signal(signal.SIGTERM)
        for member in self.members:
            assert member.process is not None
            try:
                code = member.process.wait(within)
            except subprocess.TimeoutExpired:
                code = -1
                member.process.kill()
            if code:
                wrong.append(f"{member.name} ended with {code}, {within:.0f} s after SIGTERM at most")
        return wrong

    def kill(self) -> None:
        """End all at once."""
        for member in self.members:
            if member.running:
                thaw(process for _, process in member.family())
                member.signal(signal.SIGKILL)
