"""Events have their effects: the store's side of Effects.route (``route.lua``)."""

import math

from kronstream.domain.run import digest
from kronstream.ports import Debounce, Effect, EffectKind, Fate, FateWord, Pace, Word
from kronstream.testing import waiting
from kronstream.testing.requesting import begin
from kronstream.testing.store import CLAIMED, MemoryStore
from kronstream.testing.texts import storable

STORED_NOTHING = {FateWord.FULL, FateWord.MOVED}
NO_JOB = "there is no such job"
UNUSABLE = "the job cannot be used: its spec is invalid"


def route(store: MemoryStore, effect: Effect) -> Fate:
    """Let one event have its effect."""
    refused = _refused(store, effect)
    if refused:
        return refused
    before = _answered(store, effect)
    if before:
        return Fate(FateWord.KNOWN, before)
    if effect.dedupe is None:
        return _act(store, effect)
    key = effect.handler, digest(effect.dedupe.key)
    if store.deduped.get(key, 0) > store.now:
        waiting.count(store, effect.handler, "e:dd")
        return _fate(store, effect, FateWord.DUPLICATE)
    answer = _act(store, effect)
    if answer.word not in STORED_NOTHING:
        store.deduped[key] = store.now + effect.dedupe.window
    return answer


def _refused(store: MemoryStore, effect: Effect) -> Fate | None:
    """What refuses the caller to speak for a handler."""
    job = store.jobs.get(effect.handler)
    if job is None:
        return Fate(FateWord.DELETED if store.tombs.get(effect.handler, 0) > store.now else FateWord.UNKNOWN)
    if job.generation > effect.generation:
        return Fate(FateWord.STALE, str(job.generation))
    return Fate(FateWord.UNKNOWN) if job.generation < effect.generation else None


def _answered(store: MemoryStore, effect: Effect) -> str | None:
    """What became of an effect that was routed before."""
    told, until = store.fates.get(effect.item, ("", 0))
    if until > store.now:
        return told
    if effect.request is None:
        return None
    run = effect.request.run
    claim = store.claim(run)
    return f"started:{run}" if claim == "started" or (claim is None and store.run(run)) else claim


def _fate(store: MemoryStore, effect: Effect, word: FateWord, detail: str = "") -> Fate:
    """Remember what became of an effect."""
    store.fates[effect.item] = f"{word.value}:{detail}", store.now + CLAIMED
    return Fate(word, detail)


def _act(store: MemoryStore, effect: Effect) -> Fate:
    if effect.debounce:
        return _debounced(store, effect, effect.debounce)
    held = _paced(store, effect, effect.pace) if effect.pace else None
    if held:
        return held
    answer = _create(store, effect) if effect.kind is EffectKind.CREATE else _run(store, effect)
    if effect.pace and answer.word not in STORED_NOTHING:
        waiting.reserve(store, effect.handler, effect.pace)
    return answer


def _debounced(store: MemoryStore, effect: Effect, debounce: Debounce) -> Fate:
    """Put an effect into the window of its key: the one that is open, or a new one."""
    key = digest(debounce.key)
    item = store.items.get(store.windows.get((effect.handler, key), ""))
    size = len(storable(effect.body).encode())
    if item and item.window == key:
        more = size - len(item.body.encode())
        if debounce.last and more > 0 and waiting.full(store, 0, more):
            return Fate(FateWord.FULL)
        due = min(store.now + debounce.quiet, item.since + debounce.most)
        store.items_due[item.id] = due
        if debounce.last:
            item.body, item.event = storable(effect.body), storable(effect.event)
            waiting.weigh(store, 0, more)
        waiting.count(store, effect.handler, "e:db")
        return _fate(store, effect, FateWord.DEBOUNCED, str(due))
    if waiting.full(store, 1, size):
        return Fate(FateWord.FULL)
    due = store.now + min(debounce.quiet, debounce.most)
    waiting.keep(store, effect, due).window = key
    store.windows[effect.handler, key] = effect.item
    waiting.count(store, effect.handler)
    return _fate(store, effect, FateWord.DEBOUNCED, str(due))


def _paced(store: MemoryStore, effect: Effect, pace: Pace) -> Fate | None:
    """Hold an effect to its handler's pace; None lets it act."""
    at, _ = waiting.next_begin(store, effect.handler, pace)
    if at <= store.now:
        return None
    if pace.delay and waiting.full(store, 1, len(storable(effect.body).encode())):
        return Fate(FateWord.FULL)
    waiting.count(store, effect.handler, "e:rl")
    if not pace.delay:
        return _fate(store, effect, FateWord.DROPPED)
    due = math.ceil(waiting.reserve(store, effect.handler, pace))
    waiting.keep(store, effect, due).paced = True
    return _fate(store, effect, FateWord.DELAYED, str(due))


def _create(store: MemoryStore, effect: Effect) -> Fate:
    if waiting.full(store, 1, len(storable(effect.body).encode())):
        return Fate(FateWord.FULL)
    item = waiting.keep(store, effect, store.now)
    item.paced = True
    waiting.find_place(store, item)
    waiting.count(store, effect.handler)
    return _fate(store, effect, FateWord.QUEUED)


def _run(store: MemoryStore, effect: Effect) -> Fate:
    job = store.jobs.get(effect.request.uid) if effect.request else None
    if job is None or effect.request is None:
        return _try_again(store, effect, FateWord.GONE, NO_JOB)
    word, detail = begin(store, job, effect.request)
    if word is Word.MOVED:
        return Fate(FateWord.MOVED, detail)
    if word is Word.HELD:
        return _try_again(store, effect, FateWord.HELD, UNUSABLE)
    waiting.note_triggered(store, effect.handler)
    if word is Word.STARTED:
        waiting.note_done(store, effect.handler)
        return Fate(FateWord.STARTED, effect.request.run)
    waiting.count(store, effect.handler, "e:bad")
    waiting.note_error(store, effect.handler, f"the run was skipped: {detail}", effect.event)
    return Fate(FateWord.SKIPPED, detail)


def _try_again(store: MemoryStore, effect: Effect, word: FateWord, message: str) -> Fate:
    """A run whose job is not there, or cannot be used."""
    if effect.retry_in is not None and waiting.full(store, 1, len(storable(effect.body).encode())):
        return Fate(FateWord.FULL)
    waiting.note_triggered(store, effect.handler)
    waiting.note_error(store, effect.handler, message, effect.event)
    if effect.retry_in is not None:
        waiting.keep(store, effect, store.now + effect.retry_in, 1).paced = True
    else:
        waiting.count(store, effect.handler, "e:bad")
        reason = "NoSuchJob" if word is FateWord.GONE else "JobInvalid"
        waiting.bury_effect(store, effect.handler, storable(effect.body), reason, message)
    return _fate(store, effect, word)
