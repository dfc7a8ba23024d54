"""Effects of events that wait: for a quiet moment, their time, a place, another attempt (``waiting.lua``)."""

from dataclasses import replace

from kronstream.ports import Effect, EventLetter, Pace
from kronstream.testing.model import Item
from kronstream.testing.store import MemoryStore
from kronstream.testing.texts import beginning, storable

MOST_WAITING, MOST_BYTES, LETTERS, ERROR_LIMIT = 100_000, 268_435_456, 5_000, 1024


def full(store: MemoryStore, effects: int, size: int) -> bool:
    """Whether so many more effects, or bytes, would be too much."""
    number, held = store.effect_load
    return number + effects > MOST_WAITING or held + size > MOST_BYTES


def weigh(store: MemoryStore, effects: int, size: int) -> None:
    """So many more effects, and bytes of their bodies, wait."""
    number, held = store.effect_load
    store.effect_load = number + effects, held + size


def keep(store: MemoryStore, effect: Effect, due: int, attempt: int = 0) -> Item:
    """Let an effect wait."""
    body, event = storable(effect.body), storable(effect.event)
    item = Item(
        effect.item, effect.handler, effect.kind, body, event, store.now, attempt, effect.most_open, effect.pace
    )
    store.items[item.id] = item
    store.items_due[item.id] = due
    weigh(store, 1, len(body.encode()))
    return item


def forget_item(store: MemoryStore, item: Item) -> None:
    """An effect is over, or dropped."""
    del store.items[item.id]
    weigh(store, -1, -len(item.body.encode()))
    store.items_due.pop(item.id, None)
    store.open_jobs[item.handler].pop(f"i:{item.id}", None)
    line = store.effect_lines[item.handler]
    if item.id in line:
        line.remove(item.id)


def waiting_of(store: MemoryStore, handler: str) -> list[Item]:
    """What waits for a handler, the oldest first."""
    return [item for item in store.items.values() if item.handler == handler]


def forget_handler(store: MemoryStore, handler: str) -> None:
    """What waits for a handler goes with it."""
    store.roll.pop(handler, None)
    for item in waiting_of(store, handler):
        forget_item(store, item)
    store.open_jobs.pop(handler, None)
    store.effect_lines.pop(handler, None)
    store.tending.pop(handler, None)


def want_tending(store: MemoryStore, handler: str, ms: int) -> None:
    """Ask that somebody looks at a handler's line and open jobs, at the latest after a time."""
    store.tending[handler] = min(store.tending.get(handler, store.now + ms), store.now + ms)


def find_place(store: MemoryStore, item: Item) -> bool:
    """A place among the open jobs of its handler (True), or one in the line."""
    places, line = store.open_jobs[item.handler], store.effect_lines[item.handler]
    mark = f"i:{item.id}"
    if mark in places:
        return True
    if not line and len(places) < item.most_open:
        places[mark] = store.now
        return True
    store.items_due.pop(item.id, None)
    line.append(item.id)
    want_tending(store, item.handler, 0)
    return False


def next_begin(store: MemoryStore, handler: str, pace: Pace) -> tuple[float, float]:
    """When the next action may begin, and what is free after it."""
    interval = pace.per / pace.count
    free = max(store.paces[f"e/{handler}"], store.now)
    return max(store.now, free - (pace.count - 1) * interval), free + interval


def reserve(store: MemoryStore, handler: str, pace: Pace) -> float:
    """The same; it is reserved."""
    at, store.paces[f"e/{handler}"] = next_begin(store, handler, pace)
    return at


def count(store: MemoryStore, handler: str, *names: str, number: int = 1) -> None:
    """Count something of a handler, unless it was forgotten; no name: its status is out of date."""
    job = store.jobs.get(handler)
    if job is None:
        return
    for name in names:
        job.handled[name] = str(int(job.handled.get(name, 0)) + number)
    store.touch(job)


def note(store: MemoryStore, handler: str, **values: str) -> None:
    """Note something of a handler: its last trigger, success, or error."""
    job = store.jobs.get(handler)
    if job:
        job.handled |= {f"e:{name}": text for name, text in values.items()}


def note_error(store: MemoryStore, handler: str, message: str, event: str) -> None:
    """Note the last error of a handler."""
    message, event = beginning(message, ERROR_LIMIT), beginning(event, ERROR_LIMIT)
    note(store, handler, lem=message, lee=event, lea=str(store.now))


def note_triggered(store: MemoryStore, handler: str) -> None:
    """An action begins."""
    count(store, handler, "e:t")
    note(store, handler, lt=str(store.now))


def note_done(store: MemoryStore, handler: str) -> None:
    """An action did what it should."""
    count(store, handler, "e:ok")
    note(store, handler, lok=str(store.now))


def bury(store: MemoryStore, letter: EventLetter) -> None:
    """Among the dead letters of events."""
    store.letters_made += 1
    kept = replace(letter, at=letter.at or store.now, id=f"{store.letters_made}-0")
    store.dead_events = [*store.dead_events, kept][-LETTERS:]


def bury_effect(store: MemoryStore, handler: str, body: str, reason: str, message: str) -> None:
    """An effect that was given up."""
    bury(store, EventLetter(reason, beginning(message, ERROR_LIMIT), handler=handler, text=body))
