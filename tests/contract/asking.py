"""What people do in a walk: ask for runs, cancel them, pause jobs, skip instants, begin backfills."""

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from contract.stores import EPOCH, Store
from contract.world import FOREVER, World, picks, uids
from kronstream.domain.run import Trigger, run_id
from kronstream.ports import Backfill, Request


class Askers(World):
    """Rules of the requests."""

    @rule(uid=uids, payload=st.sampled_from([None, '{"own":1}']), value=st.sampled_from([None, "1", "2"]), again=picks)
    def request(self, uid: str, payload: str | None, value: str | None, again: int) -> None:
        """One asked for again, now and then."""
        self.asked += again > 20
        run = run_id(uid, Trigger.MANUAL, f"{self.asked:020x}")
        item = Request(uid, run, self.start + 43_200_000 + self.asked, payload=payload, value=value, by="somebody")
        self.same(lambda store: store.requests.request(EPOCH, [item]))

    @precondition(lambda self: self.ended)
    @rule(pick=picks)
    def do_again(self, pick: int) -> None:
        before = sorted(self.ended)[pick % len(self.ended)]
        uid = before.rpartition("-")[0]
        item = Request(uid, run_id(uid, Trigger.RETRY, f"{pick:020x}"), self.start + 43_200_000 + pick, retry_of=before)
        self.same(lambda store: store.requests.request(EPOCH, [item]))

    @precondition(lambda self: self.unfinished())
    @rule(pick=picks)
    def cancel(self, pick: int) -> None:
        runs = self.unfinished()
        self.same(lambda store: store.requests.cancel([runs[pick % len(runs)], "unknown"], "somebody"))

    @rule(uid=uids, ahead=st.sampled_from([None, 5_000, FOREVER]), resume=st.booleans())
    def pause(self, uid: str, ahead: int | None, resume: bool) -> None:
        async def order(store: Store) -> Any:
            if resume:
                return await store.requests.resume([uid])
            until = None if ahead is None else store.now() + ahead
            return await store.requests.pause([uid], "somebody", "reasons", until)

        self.same(order)

    @rule(uid=uids, steps=st.integers(0, 3), undo=st.booleans())
    def skip(self, uid: str, steps: int, undo: bool) -> None:
        if uid in self.moved:
            return

        async def order(store: Store) -> Any:
            (cursor,) = await store.ledger.cursors([uid])
            return await store.requests.skip(uid, [(cursor or 0) + 1000 * steps], undo=undo)

        self.same(order)

    @rule(uid=uids, more=picks, cancel=st.integers(0, 9))
    def backfill(self, uid: str, more: int, cancel: int) -> None:
        new = Backfill(f"of-{uid}", uid, "", 0, 100_000, 0, 0, 2, 100, by="somebody")

        async def step(store: Store) -> Any:
            created = await store.requests.create_backfill(new)
            known = await store.requests.backfill(new.id)
            if known is None:
                return created
            following = known.cursor + 1000 if more > 5 else None
            answer = await store.requests.step_backfill(EPOCH, known, following)
            ended = await store.requests.cancel_backfill(new.id, "somebody") if not cancel else None
            found = await store.requests.backfill(new.id)
            assert found
            return created, answer, ended, replace(found, created=0, finished=None)

        self.same(step)
