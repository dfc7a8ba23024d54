"""Clocks that jump: what a store does when its time goes on by leaps, or goes back."""

from kronstream.testing.store import MemoryStore

HOLD = 15_000
UNWATCHED, LEAP, BACK = 5000, 60_000, 1000


def watch_clock(store: MemoryStore) -> None:
    """Look at the clock: a leap holds every lease for a while; when it went back, what waits is brought nearer."""
    now, seen = store.now, store.seen
    store.seen = now
    if seen is None:
        return
    if now - seen > UNWATCHED:
        store.hold = now + HOLD
        if now - seen > LEAP:
            store.jump = now
    elif now < seen - BACK:
        for waiting in (store.unfinished, store.backfills_due, store.items_due, store.tending):
            waiting.update({key: at + now - seen for key, at in waiting.items()})


def leases_hold(store: MemoryStore) -> bool:
    """Whether leases do not end for now."""
    return store.now < store.hold <= store.now + HOLD
