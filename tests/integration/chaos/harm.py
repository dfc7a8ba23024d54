"""Harm at random moments: processes killed and frozen, and what was done to which worker when."""

import contextlib
import random
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass

import psutil

from eventually import eventually
from integration.chaos.load import now
from integration.chaos.trial import Trial
from kronstream.streams.runqueue import LEASE

DOWN = (0.3, 1.5)  # seconds until a process that was killed is started again
FROZEN = (0.5, 2.5)  # seconds
PAUSE = (0.1, 0.8)  # seconds between two harms
BEAT = 3_000  # ms; the last renewal before a freeze is no older
TAIL = 6_000  # ms; so long after the thaw a worker may not yet know that its leases have ended


@dataclass(frozen=True)
class Frozen:
    """A worker that stood still, ms."""

    worker: str
    since: int
    until: int

    @property
    def lost(self) -> int:
        """From then on others may have what it held: its leases have ended, at the earliest."""
        return self.since + LEASE - BEAT

    @property
    def outlasted(self) -> bool:
        """Whether it stood still for longer than its leases last."""
        return self.until > self.lost


class Harm:
    """What is done to a trial's installation, by the dice of a seed."""

    def __init__(self, trial: Trial, seed: int) -> None:
        self.frozen: list[Frozen] = []
        self.killed: list[tuple[str, int]] = []
        self._site = trial.site
        self._dice = random.Random(seed)
        self._spared: set[str] = set()
        print(f"harm by seed {seed}")

    def lasting(self, seconds: float) -> None:
        """One harm after the other, for so many seconds; whole afterwards."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            names = [*self._site.operators, *self._site.workers]
            self._one(self._dice.choice([name for name in names if name not in self._spared]))
            self._last(*PAUSE)

    def _one(self, name: str) -> None:
        if self._dice.random() < 0.5:
            self._site.stop(name, number=signal.SIGKILL)
            self.killed.append((name, now()))
            self._last(*DOWN)
            self._site.start(name)
        else:
            with self.freezing(name):
                self._last(*FROZEN)

    @contextlib.contextmanager
    def freezing(self, name: str) -> Iterator[None]:
        """Everything of a component stands still meanwhile, and nothing else is done to it."""
        pid = self._site.components[name].process.pid
        assert pid is not None
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        self._spared.add(name)
        since = now()
        for process in family:
            process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.frozen.append(Frozen(name, since, now()))
            for process in family:
                process.send_signal(signal.SIGCONT)
            self._spared.discard(name)

    def _last(self, least: float, most: float) -> None:
        end = time.monotonic() + self._dice.uniform(least, most)
        eventually(lambda: time.monotonic() >= end, most + 5)
