"""What a loop process holds, written into memory that it shares with its supervisor.

The supervisor reads it for each heartbeat, and after the process died or while its loop stands still: then it is all
that is left. Writing costs no system call and no message. One process writes; a slot that is being written is skipped
by the reader, and tokens tell stale ones from current ones.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quoted

from kronstream.domain.retry import Retry
from kronstream.domain.run import Lane
from kronstream.domain.work import Work
from kronstream.ports import Claim

HEADER = 128
SLOT = 4_096
HEAD = struct.Struct("<IIQ")  # length of the text (0: free), phase, deadline
TICK, CURRENT, PROCESSED, SUCCEEDED, FAILED, ABANDONED, UNSENT, RUNNING = range(8)
NOBODY = 0xFFFF_FFFF
"""As the slot that executes: an attempt that ended in the books but goes on."""


class Phase(IntEnum):
    """Where a held run is; only the second can stop the loop. The last is a handler type's: it is never to blame for
    the death of the process, and what it began elsewhere goes on, so it is handed back."""

    TAKEN = 1
    LOOP = 2
    CHILD = 3
    ENDED = 4
    TYPE = 5


@dataclass(frozen=True, slots=True)
class Held:
    """A run as the slate has it. The claim's payload is missing; `deadline` is nanoseconds of the monotonic clock."""

    slot: int
    phase: Phase
    deadline: int
    claim: Claim


class Slate:
    """`slots` held runs and eight numbers in shared memory; `fd` is inherited by the other process."""

    def __init__(self, slots: int, fd: int | None = None) -> None:
        size = HEADER + slots * SLOT
        if fd is None:
            fd = os.memfd_create("kronstream-slate", os.MFD_CLOEXEC)
            os.ftruncate(fd, size)
        self.fd = fd
        self.slots = slots
        self._memory = mmap.mmap(fd, size)
        self._numbers = memoryview(self._memory)[:HEADER].cast("Q")

    def close(self) -> None:
        """Give the memory back; safe to repeat."""
        if not self._memory.closed:
            self._numbers.release()
            self._memory.close()
            os.close(self.fd)

    def __getitem__(self, index: int) -> int:
        return self._numbers[index]

    def __setitem__(self, index: int, value: int) -> None:
        self._numbers[index] = value

    def enter(self, slot: int) -> None:
        """The attempt of this slot executes from now on."""
        self._numbers[CURRENT] = slot + 1

    def leave(self) -> None:
        """No attempt executes."""
        self._numbers[CURRENT] = 0

    @property
    def executing(self) -> int | None:
        """The slot whose attempt executes in the loop at this instant, NOBODY for an abandoned one, else None."""
        current = self._numbers[CURRENT]
        return None if current == 0 else NOBODY if current == NOBODY + 1 else current - 1

    def put(self, slot: int, claim: Claim) -> None:
        """Write a claim into a free slot."""
        body = _pack(claim)
        at = HEADER + slot * SLOT
        self._memory[at + HEAD.size : at + HEAD.size + len(body)] = body
        HEAD.pack_into(self._memory, at, len(body), Phase.TAKEN, 0)

    def mark(self, slot: int, phase: Phase, deadline: int = 0) -> None:
        """Note where the run of a slot is."""
        struct.pack_into("<IQ", self._memory, HEADER + slot * SLOT + 4, phase, deadline)

    def clear(self, slot: int) -> None:
        """Free a slot."""
        struct.pack_into("<I", self._memory, HEADER + slot * SLOT, 0)

    def held(self) -> Iterator[Held]:
        """Every run held."""
        for slot in range(self.slots):
            at = HEADER + slot * SLOT
            length, phase, deadline = HEAD.unpack_from(self._memory, at)
            if not 0 < length <= SLOT - HEAD.size:
                continue
            try:
                claim = _unpack(self._memory[at + HEAD.size : at + HEAD.size + length])
                yield Held(slot, Phase(phase), deadline, claim)
            except (ValueError, TypeError, KeyError):
                continue  # being written


def _pack(claim: Claim) -> bytes:
    work = claim.work
    names = f"{quoted(claim.run)},{quoted(claim.token)},{quoted(claim.uid)}"
    numbers = f"{claim.generation},{claim.attempt},{claim.nominal},{claim.deliveries}"
    kept = _kept(work.namespace, work.name, work.function, work.timeout, work.retry)
    body = f'[{names},{numbers},"{claim.lane.value}",{kept}]'.encode()
    if len(body) > SLOT - HEAD.size:
        if not work.name:
            raise ValueError(f"run {claim.run[:100]}…: an identity of {len(body)} bytes")
        return _pack(replace(claim, work=replace(work, namespace="", name="", function="", retry=_plain(work.retry))))
    return body


def _plain(retry: Retry) -> Retry:
    """Without the names of failures, of which there may be very many."""
    return replace(retry, only_on=(), not_on=())


@lru_cache(maxsize=256)
def _kept(namespace: str, name: str, function: str, timeout: int, retry: Retry) -> str:
    """What is kept of the work, as the rest of a JSON array: the same for all runs of a job."""
    policy = (retry.limit, retry.initial, retry.factor, retry.maximum, retry.jitter, retry.only_on, retry.not_on)
    return json.dumps((namespace, name, function, timeout, *policy))[1:-1]


def _unpack(body: bytes) -> Claim:
    run, token, uid, generation, attempt, nominal, deliveries, lane, namespace, name, function, timeout, *retry = (
        json.loads(body)
    )
    names = ("limit", "initial", "factor", "maximum", "jitter", "only_on", "not_on")
    policy = Retry.load(dict(zip(names, retry, strict=True)))
    work = Work(namespace, name, function, timeout=timeout, retry=policy)
    return Claim(run, token, uid, generation, attempt, nominal, deliveries, Lane(lane), work)
