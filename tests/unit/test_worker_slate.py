"""The shared memory of a loop process: what is written is read, also while it is being written."""

from __future__ import annotations

import os

from kronstream.worker.slate import NOBODY, SLOT, Phase, Slate
from unit.fakequeue import claim


def test_another_mapping_reads_what_was_written() -> None:
    slate = Slate(4)
    other = Slate(4, os.dup(slate.fd))
    one, two = claim("a:b", {"payload": "stays"}), claim("c", deliveries=3, attempt=2)
    slate.put(2, one)
    slate.put(0, two)
    slate.mark(2, Phase.LOOP, 77)
    slate[3] += 5
    slate.enter(2)
    first, second = other.held()
    assert (first.slot, first.phase, first.claim.token, first.claim.deliveries) == (0, Phase.TAKEN, two.token, 3)
    assert (second.phase, second.deadline, second.claim.work.function) == (Phase.LOOP, 77, "a:b")
    assert second.claim.work.payload is None
    assert second.claim.work.retry == one.work.retry
    assert (other[3], other.executing) == (5, 2)
    slate.leave()
    slate.clear(2)
    slate.enter(NOBODY)
    assert [held.slot for held in other.held()] == [0]
    assert other.executing == NOBODY
    other.close()
    slate.close()
    slate.close()


def test_what_is_half_written_is_skipped() -> None:
    slate = Slate(2)
    slate.put(0, claim("a"))
    slate.put(1, claim("b"))
    slate._memory[128 + 16 : 128 + 20] = b"\0\0\0\0"
    assert [held.slot for held in slate.held()] == [1]
    slate.close()


def test_long_names_still_fit() -> None:
    slate = Slate(1)
    one = claim("f" * 3_000)
    slate.put(0, one)
    (held,) = slate.held()
    assert held.claim.token == one.token
    assert len(one.work.function) < SLOT
    slate.put(0, claim("f" * 5_000))
    (held,) = slate.held()
    assert held.claim.work.function == ""
    slate.close()
