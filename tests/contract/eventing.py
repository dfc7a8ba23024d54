"""What routers do in a walk: let events have their effects, take what waits, settle it, look after lines."""

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from builders import adoption
from contract.stores import EPOCH, LEASE, Store
from contract.world import FOREVER, UIDS, World, picks, uids
from kronstream.domain.run import Trigger, digest, run_id
from kronstream.ports import (
    Debounce,
    Dedupe,
    Effect,
    EffectKind,
    Ending,
    FateWord,
    HandlerState,
    Pace,
    Request,
    Settled,
    Tally,
    Waiting,
)

HANDLERS = ("eh.one", "eh.two")
LOOKED_AT = 5_001
TIMED = {FateWord.DEBOUNCED, FateWord.DELAYED, FateWord.KNOWN}
handlers = st.sampled_from(HANDLERS)

effects = st.fixed_dictionaries(
    {
        "dedupe": st.sampled_from([None, None, Dedupe("k", FOREVER)]),
        "debounce": st.sampled_from([None, None, Debounce("k", 0, 0), Debounce("k", FOREVER, FOREVER, last=False)]),
        "pace": st.sampled_from([None, None, Pace(2, FOREVER), Pace(2, FOREVER, delay=True)]),
        "most_open": st.integers(1, 2),
        "retry_in": st.sampled_from([None, 0, FOREVER]),
    }
)


class Routers(World):
    """Rules of the routers' side."""

    @initialize()
    def handle(self) -> None:
        self.events = 0
        self.leased: list[tuple[Waiting, Waiting]] = []
        self.both(lambda store: store.ledger.adopt([_handler(handler) for handler in HANDLERS]))

    @rule(handler=handlers, uid=st.sampled_from([*UIDS, "unknown", None]), again=picks, spec=effects)
    def route(self, handler: str, uid: str | None, again: int, spec: dict[str, Any]) -> None:
        """Events come, one again now and then."""
        self.events += again > 20
        item = digest("/walk", str(self.events), handler)
        run = None if uid is None else run_id(uid, Trigger.EVENT, item)
        nominal = self.start + 43_200_000 + self.events
        request = None if run is None else Request(uid or "", run, nominal, payload="[]", depth=1)
        kind = EffectKind.CREATE if again % 2 else EffectKind.RUN
        body = f'{{"event":{{"id":"{self.events}"}}}}'
        one = Effect(handler, 1, item, kind, body, request, **spec, event=str(self.events))

        async def act(store: Store) -> Any:
            (fate,) = await store.effects.route(EPOCH, [one])
            return (fate.word, "" if fate.word in TIMED else fate.detail), await _known(store)

        self.same(act)

    @rule(limit=st.integers(1, 5), luck=st.integers(0, 5))
    def take_due(self, limit: int, luck: int) -> None:
        expected, found = self.both(lambda store: store.effects.take_due(limit, LEASE))
        assert [_timeless(waiting) for waiting in found] == [_timeless(waiting) for waiting in expected]
        if luck:  # without luck the reply is lost
            self.leased += zip(expected, found, strict=True)
        self.same(_known)

    @precondition(lambda self: self.leased)
    @rule(pick=picks, ending=st.sampled_from(Ending), wait=st.sampled_from([0, FOREVER]), uid=uids, made=st.booleans())
    def settle(self, pick: int, ending: Ending, wait: int, uid: str, made: bool) -> None:
        """Old tokens are tried, too."""
        pair = self.leased[pick % len(self.leased)]

        async def act(store: Store) -> Any:
            waiting = pair[0] if store is self.model else pair[1]
            created = uid if made and ending is Ending.DONE else None
            result = Settled(waiting.item, waiting.token, ending, wait, message="no", created=created)
            return await store.effects.settle([result]), await _known(store)

        self.same(act)

    @rule(limit=st.integers(1, 3))
    def tend(self, limit: int) -> None:
        self.both(lambda store: store.advance(LOOKED_AT))
        self.same(lambda store: store.effects.tend(limit))
        self.same(_known)

    @rule(handler=handlers, errors=st.integers(0, 1))
    def tally(self, handler: str, errors: int) -> None:
        async def act(store: Store) -> Any:
            await store.effects.tally([Tally(handler, 2, errors, "no" if errors else "", "e")])
            return await _known(store)

        self.same(act)

    @rule(handler=handlers, luck=st.integers(0, 7))
    def drop_handler(self, handler: str, luck: int) -> None:
        """And it comes back, as after a restart of the API server from an older copy."""
        if luck:
            return

        async def act(store: Store) -> Any:
            forgotten = await store.ledger.forget([handler])
            gone = await _known(store)
            await store.ledger.adopt([replace(_handler(handler), alive=True)])
            return forgotten, gone, await _known(store)

        self.same(act)


def _handler(uid: str) -> Any:
    return adoption(uid, when="", cursor=0, name=uid)


def _timeless(waiting: Waiting) -> Waiting:
    return replace(waiting, token="", since=0)


async def _known(store: Store) -> Any:
    """What two stores with different clocks must agree on."""
    states = [_shown(state) for state in await store.effects.describe(HANDLERS)]
    return states, await store.effects.backlog(), await store.event_letters.count()


def _shown(state: HandlerState | None) -> HandlerState | None:
    if state is None:
        return None
    error = state.last_error and replace(state.last_error, at=0)
    return replace(state, seq=0, last_trigger=None, last_success=None, oldest=None, last_error=error)
