"""A run's life as a state machine: the store in memory is the model, Redis the real thing; both get every step."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from builders import REVISION, WHEN, adoption, card, dispatch, success
from contract.acts import failure
from contract.stores import EPOCH, LEASE, ModelStore, RedisStore, Store
from kronstream.domain.retry import Retry
from kronstream.domain.run import State
from kronstream.ports import Adopted, Claim, Conflict, Expect, JobState, Outcome
from kronstream.streams.connection import connect

UIDS = ("job-a", "job-b", "job-c")
WORKERS = ("worker-1", "worker-2")
FOREVER = 10**9
Pair = tuple[Claim, Claim]  # of the model and of Redis: they differ in their tokens alone
picks = st.integers(0, 99)
uids = st.sampled_from(UIDS)
workers = st.sampled_from(WORKERS)
specs = st.fixed_dictionaries(
    {
        "policy": st.sampled_from(["Allow", "Forbid", "Replace"]),
        "backlog": st.integers(1, 4),
        "keep_good": st.sampled_from([1, 50]),
        "keep_bad": st.sampled_from([1, 50]),
        "work_fields": st.builds(
            lambda limit, initial: {"retry": Retry(limit=limit, initial=initial)},
            st.integers(0, 2),
            st.sampled_from([0, FOREVER]),
        ),
    }
)
GARBAGE = [{"x": "y"}, {"v": "9", "run": "job-a-s1"}, {"v": "1", "run": "job-a-s1"}]
ENDS: dict[str, dict[str, Any]] = {
    "failed": {},
    "retried": {"state": State.RETRYING, "retry_in": 0},
    "retried much later": {"state": State.RETRYING, "retry_in": FOREVER},
    "cancelled": {"state": State.CANCELLED},
}


class RunMachine(RuleBasedStateMachine):
    """Every answer of Redis is compared with the model's, and after every step what both know."""

    def __init__(self, socket: Path) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.model = ModelStore()
        self.real = RedisStore(connect(f"unix://{socket}"))
        self.runner.run(self.real.open())
        self.start = self.model.now() - 86_400_000
        self.generations: Counter[str] = Counter()
        self.whens = dict.fromkeys(UIDS, WHEN)
        self.moved: set[str] = set()
        self.short: set[str] = set()
        self.cards = {name: card(name) for name in WORKERS}
        self.held: dict[str, dict[str, Pair]] = {name: {} for name in WORKERS}
        self.stale: list[Pair] = []
        self.handed: set[str] = set()
        self.ended: dict[str, State] = {}

    def teardown(self) -> None:
        self.runner.run(self.real.redis.aclose())
        self.runner.close()

    def both(self, act: Callable[[Store], Awaitable[Any]]) -> tuple[Any, Any]:
        async def acts() -> tuple[Any, Any]:
            answers = await act(self.model), await act(self.real)
            # what happens in the same millisecond has no order: the next step is in another one
            self.model.clock.advance(1)
            begin = self.real.now()
            while self.real.now() == begin:
                pass
            return answers

        return self.runner.run(acts())

    def same(self, act: Callable[[Store], Awaitable[Any]]) -> Any:
        expected, found = self.both(act)
        assert found == expected, f"Redis: {found}\nmodel: {expected}"
        return found

    def claimed(self, act: Callable[[Store], Awaitable[list[Claim]]]) -> list[Pair]:
        expected, found = self.both(act)
        assert [replace(claim, token="") for claim in found] == [replace(claim, token="") for claim in expected]
        return list(zip(expected, found, strict=True))

    def side(self, store: Store, pair: Pair) -> Claim:
        return pair[0] if store is self.model else pair[1]

    @initialize(each=st.tuples(specs, specs, specs))
    def begin(self, each: tuple[dict[str, Any], ...]) -> None:
        for uid, spec in zip(UIDS, each, strict=True):
            self.adopt(uid, spec)
            self.dispatch(uid, 2, again=False)

    # an operator

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

    # a worker

    @rule(worker=workers, slots=st.integers(1, 4), luck=st.integers(0, 5))
    def take(self, worker: str, slots: int, luck: int) -> None:
        pairs = self.claimed(lambda store: store.queue.take(self.cards[worker], slots))
        self.hold(worker, pairs if luck else [])  # without luck the reply is lost

    @rule(uid=uids, number=st.integers(1, 3), worker=workers, ends=st.lists(st.sampled_from(["success", *ENDS])))
    def work(self, uid: str, number: int, worker: str, ends: list[str]) -> None:
        """An ordinary day: runs come, are taken, and some of them end."""
        self.dispatch(uid, number, again=False)
        self.take(worker, 4, luck=1)
        for end in ends:
            if any(self.held.values()):
                self.finish(0, end, repeat=False)

    @rule(worker=workers, slots=st.integers(0, 4))
    def take_pending(self, worker: str, slots: int) -> None:
        held = list(self.held[worker])
        self.hold(worker, self.claimed(lambda store: store.queue.take_pending(self.cards[worker], slots, held)))

    def hold(self, worker: str, pairs: list[Pair]) -> None:
        for pair in pairs:
            assert not any(pair[1].run in held and worker != name for name, held in self.live().items())
            self.held[worker][pair[1].run] = pair
            self.handed.discard(pair[1].run)

    def live(self) -> dict[str, dict[str, Pair]]:
        """Per worker the claims whose token is current."""
        memory = self.model.memory
        return {
            name: {
                run: pair for run, pair in held.items() if (known := memory.run(run)) and known.token == pair[0].token
            }
            for name, held in self.held.items()
        }

    def drop(self, worker: str, run: str) -> None:
        self.stale.append(self.held[worker].pop(run))

    def choose(self, pick: int) -> tuple[str, Pair]:
        pairs = [(worker, pair) for worker, held in self.held.items() for pair in held.values()]
        return pairs[pick % len(pairs)]

    @precondition(lambda self: any(self.held.values()))
    @rule(pick=picks, end=st.sampled_from(["success", *ENDS]), repeat=st.booleans())
    def finish(self, pick: int, end: str, repeat: bool) -> None:
        worker, pair = self.choose(pick)
        for _ in range(1 + repeat):
            self.same(lambda store: store.queue.finish(self.cards[worker], [outcome(self.side(store, pair), end)]))
        self.drop(worker, pair[0].run)

    @precondition(lambda self: self.stale)
    @rule(pick=picks, end=st.sampled_from(["success", *ENDS]), stolen=st.booleans())
    def finish_with_an_old_or_stolen_token(self, pick: int, end: str, stolen: bool) -> None:
        pair = self.stale[pick % len(self.stale)]
        known = self.model.memory.run(pair[0].run)

        async def end_again(store: Store) -> list[bool]:
            claim = self.side(store, pair)
            token = f"stolen:{claim.token.rpartition(':')[2]}" if stolen else claim.token
            return await store.queue.finish(card(), [replace(outcome(claim, end), token=token)])

        (answer,) = self.same(end_again)
        assert not (stolen and answer)
        assert known is not None or not answer

    @precondition(lambda self: any(self.held.values()))
    @rule(pick=picks)
    def release(self, pick: int) -> None:
        worker, pair = self.choose(pick)
        self.same(lambda store: store.queue.release(self.cards[worker], [self.side(store, pair)]))
        self.drop(worker, pair[0].run)

    @precondition(lambda self: any(self.held.values()))
    @rule(pick=picks, receiver=workers)
    def hand_over(self, pick: int, receiver: str) -> None:
        worker, pair = self.choose(pick)
        giver = self.cards[worker]
        if self.same(lambda store: store.queue.hand_over(giver, self.side(store, pair), receiver)):
            self.drop(worker, pair[0].run)
            self.handed.add(pair[0].run)

    @rule(worker=workers)
    def beat(self, worker: str) -> None:
        async def pulse(store: Store) -> Any:
            claims = [self.side(store, pair) for pair in self.held[worker].values()]
            answer = await store.queue.beat(self.cards[worker], claims)
            return dict(answer.cancel), answer.lost, answer.handed

        _, lost, _ = self.same(pulse)
        for run in lost:
            self.drop(worker, run)

    @rule(worker=workers, leaves=st.booleans())
    def stop(self, worker: str, leaves: bool) -> None:
        if leaves:
            self.same(lambda store: store.queue.leave(self.cards[worker]))
        for run in list(self.held[worker]):
            self.drop(worker, run)
        self.cards[worker] = replace(self.cards[worker], incarnation=f"{self.cards[worker].incarnation}+")

    # the world

    @rule()
    def leases_end(self) -> None:
        self.both(lambda store: store.advance(LEASE + 1))

    @rule(fields=st.sampled_from(GARBAGE), luck=st.integers(0, 5))
    def spoil(self, fields: dict[str, str], luck: int) -> None:
        self.both(lambda store: store.inject(fields) if luck else store.lose_entries())

    # what must hold

    @invariant()
    def both_know_the_same(self) -> None:
        async def everything(store: Store) -> Any:
            jobs = [shown(job) for job in await store.ledger.describe(UIDS)]
            live = [known.consumer for known in await store.queue.workers()]
            pending = [pair for pair in await store.pending() if pair[0]]
            return jobs, await store.census(), await store.entries(), pending, live

        jobs, runs, entries, pending, _ = self.same(everything)
        self.ends_are_final(jobs, runs)
        self.active_runs_are_the_unfinished(jobs, runs)
        delivered = [run for run, _ in pending if run in runs]
        assert len(set(delivered)) == len(delivered)
        for run in delivered:
            assert runs[run][0] == "running" or (runs[run][0] == "queued" and run in self.handed)
        known = [entry["run"] for entry in entries if entry.get("run") in runs]
        assert len(set(known)) == len(known)
        for run in known:
            assert runs[run][0] in ("queued", "running")

    def ends_are_final(self, jobs: list[Any], runs: dict[str, tuple[str, int, str | None]]) -> None:
        for run, (state, _, _) in runs.items():
            if State(state).terminal:
                assert self.ended.setdefault(run, State(state)) == state
            else:
                assert run not in self.ended
        for uid, job in zip(UIDS, jobs, strict=True):
            if job is None:
                continue
            ends = Counter(state.value for run, state in self.ended.items() if run.startswith(uid))
            skipped = job["runs"].pop("skipped", 0)
            assert skipped == sum(job["skipped"].values())
            for state, number in job["runs"].items():
                # a short history may forget an end in the step that made it
                assert number == ends[state] or (number > ends[state] and uid in self.short)

    def active_runs_are_the_unfinished(self, jobs: list[Any], runs: dict[str, tuple[str, int, str | None]]) -> None:
        for uid, job in zip(UIDS, jobs, strict=True):
            unfinished = {
                run for run, (state, _, _) in runs.items() if run.startswith(uid) and not State(state).terminal
            }
            if job is not None:
                assert (job["active"], job["unfinished"]) == (len(unfinished), unfinished)
            else:
                assert all(runs[run][0] == "running" for run in unfinished)


def outcome(claim: Claim, end: str) -> Outcome:
    return success(claim) if end == "success" else failure(claim, **ENDS[end])


def shown(job: JobState | None) -> dict[str, Any] | None:
    """What two stores with different clocks must agree on."""
    if job is None:
        return None
    return {
        "generation": job.generation,
        "active": job.active,
        "unfinished": set(job.unfinished),
        "runs": dict(job.runs),
        "skipped": dict(job.skipped),
        "last": job.last and (job.last.id, job.last.state, job.last.duration, job.last.message),
        "last_skip": job.last_skip,
        "consecutive": job.consecutive_failures,
        "average": job.average_duration,
        "last_schedule": job.last_schedule,
        "seq": job.seq,
    }
