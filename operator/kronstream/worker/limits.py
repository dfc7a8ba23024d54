"""What a sync handler may take of memory and processor time, held by the kernel in its process.

RLIMIT_DATA counts what a process may write and nobody else has (its heap, its anonymous mappings), the moment it asks
for it: a handler that takes too much gets a MemoryError, before the container's own limit kills a neighbour. Neither
RLIMIT_AS, which counts every library and reservation, nor a look at the resident size now and then can do that. Both
limits count from where the process stood when the run began. Programs that a handler starts have the same limits, each
for itself.
"""

from __future__ import annotations

import contextlib
import faulthandler
import math
import os
import resource
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from kronstream.domain import duration, quantity

MEMORY, CPU_TIME = "MemoryLimit", "CpuLimit"
MEMORY_CODE, CPU_CODE = "memory_limit", "cpu_limit"
GROWN = 128 * 1024 * 1024  # bytes of resident memory by which a child may have grown and be used again

_PAGE = os.sysconf("SC_PAGESIZE")
_STATM = Path("/proc/self/statm")
_RESIDENT, _DATA = 1, 5  # fields of statm, in pages


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one run: bytes on top of what its process had, and milliseconds of processor time; None for no limit."""

    memory: int | None = None
    cpu_time: int | None = None

    @classmethod
    def of(cls, raw: Mapping[str, int] | None) -> Limits:
        """Of their form in a task or a stored work; what a newer version added is passed over."""
        memory, cpu_time = (raw.get("memory"), raw.get("cpu_time")) if raw else (None, None)
        return NO_LIMITS if memory is None and cpu_time is None else cls(memory, cpu_time)

    def or_else(self, others: Limits) -> Limits:
        """These, and those of others where there are none."""
        memory = others.memory if self.memory is None else self.memory
        return Limits(memory, others.cpu_time if self.cpu_time is None else self.cpu_time)

    def dump(self) -> dict[str, int] | None:
        """Their form in a task; None where there are none."""
        pairs = (("memory", self.memory), ("cpu_time", self.cpu_time))
        return {name: value for name, value in pairs if value is not None} or None

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """In a child: from here to the end of the block the kernel holds this process to the limits."""
        if self.memory is not None:
            _soft(resource.RLIMIT_DATA, _pages(_DATA) + self.memory)
        if self.cpu_time is not None:
            _tell_where(signal.SIGXCPU)
            _soft(resource.RLIMIT_CPU, math.ceil(_cpu_used() + self.cpu_time / 1000))
        try:
            yield
        finally:
            for kind, limit in ((resource.RLIMIT_DATA, self.memory), (resource.RLIMIT_CPU, self.cpu_time)):
                if limit is not None:
                    _soft(kind, resource.RLIM_INFINITY)

    @property
    def memory_spent(self) -> str:
        """What the record says of a handler that took too much memory."""
        assert self.memory is not None
        return (
            f"the handler needed more than its memory limit of {quantity.render(self.memory)}; "
            "raise function.memory, or have it take less at a time"
        )

    @property
    def cpu_spent(self) -> str:
        """What the record says of a handler that took too much processor time."""
        assert self.cpu_time is not None
        return (
            f"the handler used more than its processor time of {duration.render(self.cpu_time)} and was killed; "
            "raise function.cpuTime; the end of its output tells where it was"
        )


NO_LIMITS = Limits()


def resident() -> int:
    """Bytes of memory that this process holds now."""
    return _pages(_RESIDENT)


def peak() -> int:
    """The most bytes of memory that this process ever held; cheaper to ask than what it holds now."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _pages(field: int) -> int:
    return int(_STATM.read_bytes().split()[field]) * _PAGE


def _cpu_used() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _soft(kind: int, wanted: int) -> None:
    hard = resource.getrlimit(kind)[1]
    if hard != resource.RLIM_INFINITY:
        wanted = hard if wanted == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(kind, (wanted, hard))


def _tell_where(number: signal.Signals) -> None:
    """Have the signal print where Python is, then do what it does by default: end the process."""
    with contextlib.suppress(ValueError, OSError):
        signal.signal(number, signal.SIG_DFL)
        faulthandler.register(number, file=2, all_threads=False, chain=True)
