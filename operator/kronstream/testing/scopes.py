"""Pauses of namespaces and of all jobs, as each source declares them (``scopes.lua``)."""

from collections.abc import Mapping
from dataclasses import replace

from kronstream.ports import Pause
from kronstream.testing.store import MemoryStore
from kronstream.testing.texts import storable

KEPT = 31 * 86_400_000


def declare(store: MemoryStore, source: str, pauses: Mapping[str, Pause], since: int | None) -> bool:
    """See Ledger.declare_pauses."""
    now, before = store.now, dict(store.scopes)
    for scope, pause in pauses.items():
        by, reason = storable(pause.by).replace("|", "/"), storable(pause.reason)
        _declare(store, source, scope, Pause(now if since is None else since, pause.until, by, reason))
    for key, known in list(store.scopes.items()):
        if known.until is not None and known.until < now - KEPT:
            del store.scopes[key]
        elif key[0] == source and key[1] not in pauses and _open(known, now):
            store.scopes[key] = replace(known, until=now)
    kept = {key: pause for key, pause in before.items() if key in store.scopes}
    return store.scopes != kept


def _declare(store: MemoryStore, source: str, scope: str, pause: Pause) -> None:
    known = store.scopes.get((source, scope))
    if known and replace(pause, since=known.since) == known:
        return
    if known and _open(known, store.now):
        # what is over ends now, not before: nothing of a paused time runs later
        until = pause.until if _open(pause, store.now) else store.now
        store.scopes[source, scope] = replace(pause, since=known.since, until=until)
    elif _open(pause, store.now):
        if known:
            # an interval that ended stays beside the new one
            store.scopes[f"{source}@{known.until}", scope] = Pause(known.since, known.until)
        store.scopes[source, scope] = pause


def _open(pause: Pause, now: int) -> bool:
    return pause.until is None or pause.until > now
