"""What the tests of event handlers do again and again."""

from dataclasses import replace

from builders import UID, adoption, now
from contract.stores import EPOCH, Store
from kronstream.domain.event import Event
from kronstream.domain.outcomeevent import event_of
from kronstream.domain.run import Trigger, digest, run_id
from kronstream.ports import (
    Adopted,
    Effect,
    EffectKind,
    Ending,
    Fate,
    FateWord,
    HandlerState,
    Request,
    Settled,
    Waiting,
)

HANDLER = "eh.5f1d6c0e-8f0a-4c43-9f5e-7b1f6f2a9c01"
OTHER = "eh.11111111-8f0a-4c43-9f5e-7b1f6f2a9c02"
LEASED = 30_000


async def handling(store: Store, handler: str = HANDLER, **fields: object) -> None:
    """Adopt a handler."""
    (answer,) = await store.ledger.adopt([adoption(handler, when="", name="handler", **fields)])
    assert isinstance(answer, Adopted)


def item_of(key: str, handler: str = HANDLER) -> str:
    """Identity of an event at a handler."""
    return digest("/test", key, handler)


def run_of(key: str, uid: str = UID, handler: str = HANDLER) -> str:
    """Id of an event's run."""
    return run_id(uid, Trigger.EVENT, item_of(key, handler))


def body_of(key: str) -> str:
    return f'{{"event":{{"id":"{key}","data":[]}}}}'


def effect(key: str = "1", uid: str | None = UID, handler: str = HANDLER, **fields: object) -> Effect:
    """A run that an event asks for; ``uid`` None: its job is not known."""
    request = None if uid is None else Request(uid, run_of(key, uid, handler), now(), payload='{"own":[]}', depth=1)
    values: dict[str, object] = {"request": request, "event": key, **fields}
    return Effect(handler, values.pop("generation", 1), item_of(key, handler), EffectKind.RUN, body_of(key), **values)


def creation(key: str = "1", handler: str = HANDLER, **fields: object) -> Effect:
    """A job that an event is to create."""
    return replace(effect(key, None, handler, **fields), kind=EffectKind.CREATE)


async def route(store: Store, *effects: Effect, epoch: str = EPOCH) -> list[FateWord]:
    """Route events; what became of each."""
    return [fate.word for fate in await fates(store, *effects, epoch=epoch)]


async def fates(store: Store, *effects: Effect, epoch: str = EPOCH) -> list[Fate]:
    """Route events; the whole answers."""
    return await store.effects.route(epoch, effects)


async def due(store: Store, limit: int = 100) -> list[Waiting]:
    """What a router gets of the waiting effects."""
    return await store.effects.take_due(limit, LEASED)


async def settle(store: Store, waiting: Waiting, ending: Ending = Ending.DONE, **fields: object) -> bool:
    """End an attempt; whether it was current."""
    (answer,) = await store.effects.settle([Settled(waiting.item, waiting.token, ending, **fields)])
    return answer


async def handler(store: Store, uid: str = HANDLER) -> HandlerState:
    """State of a handler, which must be known."""
    (found,) = await store.effects.describe([uid])
    assert found
    return found


async def told(store: Store) -> list[Event]:
    """The outcome events so far."""
    return [event_of(fields) for fields in await store.outcomes()]
