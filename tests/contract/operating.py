"""What operators do in a walk: adopt, dispatch, forget, sweep."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from builders import REVISION, adoption, dispatch
from contract.stores import EPOCH, Store
from contract.world import UIDS, World, specs, uids
from kronstream.ports import Adopted, Conflict, Expect


class Operators(World):
    """Rules of the operator's side."""

    @initialize(each=st.tuples(specs, specs, specs))
    def begin(self, each: tuple[dict[str, Any], ...]) -> None:
        for uid, spec in zip(UIDS, each, strict=True):
            self.adopt(uid, spec)
            self.dispatch(uid, 2, again=False)

    @rule(uid=uids, spec=specs)
    def adopt(self, uid: str, spec: dict[str, Any]) -> None:
        generation = self.generations[uid] + 1
        new = adoption(uid, generation=generation, when=self.whens[uid], cursor=self.start, **spec)
        if 1 in (spec["keep_good"], spec["keep_bad"]):
            self.short.add(uid)
        expected, found = self.both(lambda store: store.ledger.adopt([new]))
        assert type(found[0]) is type(expected[0])
        if uid not in self.moved:
            assert found == expected, f"Redis: {found}\nmodel: {expected}"
        if isinstance(found[0], Adopted):
            self.generations[uid] = generation

    @rule(uid=uids, act=st.sampled_from(["older", "edit", "forget"]), luck=st.integers(0, 5))
    def meddle(self, uid: str, act: str, luck: int) -> None:
        """What leaves little to look at afterwards is rare."""
        if luck == 0:
            {"older": self.adopt_an_older_generation, "edit": self.edit_the_schedule, "forget": self.forget}[act](uid)

    def adopt_an_older_generation(self, uid: str) -> None:
        expected, found = self.both(
            lambda store: store.ledger.adopt([adoption(uid, generation=0, when=self.whens[uid], cursor=self.start)])
        )
        assert type(found[0]) is type(expected[0])
        if isinstance(found[0], Adopted):
            self.generations[uid] = 0

    def edit_the_schedule(self, uid: str) -> None:
        generation, when = self.generations[uid], self.whens[uid] + " "

        async def edit(store: Store) -> Any:
            (cursor,) = await store.ledger.cursors([uid])
            expect = Expect(generation, REVISION, cursor or 0)
            new = adoption(uid, generation=generation + 1, when=when, expect=expect)
            return (await store.ledger.adopt([new]))[0]

        expected, found = self.both(edit)
        assert type(found) is type(expected)
        assert not isinstance(found, Conflict)
        if isinstance(found, Adopted):
            self.generations[uid] += 1
            self.whens[uid] = when
            self.moved.add(uid)  # to the present, of which the two stores have different ideas

    @rule(uid=uids, number=st.integers(1, 3), again=st.booleans())
    def dispatch(self, uid: str, number: int, again: bool) -> None:
        if uid in self.moved:
            return

        async def owe(store: Store) -> Any:
            (cursor,) = await store.ledger.cursors([uid])
            begin = cursor or 0
            due = [begin + 1000 * (step + 1) for step in range(number)]
            item = dispatch(begin, *due, uid=uid, generation=self.generations[uid])
            return [await store.ledger.dispatch(EPOCH, [item]) for _ in range(1 + again)]

        self.same(owe)

    def forget(self, uid: str) -> None:
        self.same(lambda store: store.ledger.forget([uid]))

    @rule()
    def sweep(self) -> None:
        self.same(lambda store: store.ledger.sweep())
