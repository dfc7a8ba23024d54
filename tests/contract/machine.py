"""A run's life as a state machine: what workers and the world do, and what must hold after every step."""

from collections import Counter
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from builders import card, success
from contract.acts import failure
from contract.asking import Askers
from contract.eventing import Routers
from contract.operating import Operators
from contract.stores import LEASE, Store
from contract.world import FOREVER, UIDS, Pair, picks, uids, workers
from kronstream.domain.run import State
from kronstream.ports import Claim, JobState, Outcome

GROUP = "default:g"
GARBAGE = [{"x": "y"}, {"v": "9", "run": "job-a-s1"}, {"v": "1", "run": "job-a-s1"}]
ENDS: dict[str, dict[str, Any]] = {
    "failed": {},
    "retried": {"state": State.RETRYING, "retry_in": 0},
    "retried much later": {"state": State.RETRYING, "retry_in": FOREVER},
    "cancelled": {"state": State.CANCELLED},
    "killed": {"state": State.RETRYING, "retry_in": 0, "killed": True},
}


class RunMachine(Operators, Askers, Routers):
    """After every step both stores know the same."""

    # a worker

    @rule(worker=workers, slots=st.integers(1, 4), luck=st.integers(0, 5))
    def take(self, worker: str, slots: int, luck: int) -> None:
        pairs = self.claimed(lambda store: store.queue.take(self.cards[worker], "default", slots))
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
        self.hold(
            worker, self.claimed(lambda store: store.queue.take_pending(self.cards[worker], "default", slots, held))
        )

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
            return jobs, await store.census(), await store.entries(), pending, live, await store.lines()

        jobs, runs, entries, pending, _, lines = self.same(everything)
        self.slots_are_used(lines)
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
            job["runs"].pop("slow", 0)
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

    def slots_are_used(self, lines: dict[str, list[str]]) -> None:
        """Nobody waits in vain, no group has more than its jobs ever allowed, whoever belongs to it is in one place."""
        memory = self.model.memory
        for uid in UIDS:
            line = lines.get(f"waiting:{uid}", [])
            if line:
                limit = memory.jobs[uid].limit
                assert limit > 0
                assert len(memory.active[uid]) - len(line) >= limit
        members, line = lines.get(f"group:{GROUP}", []), lines.get(f"gwait:{GROUP}", [])
        assert len(members) <= 2
        if line:
            head = memory.runs[line[0]]
            job = memory.jobs[head.uid]
            assert len(members) >= (job.group_max if job.group == GROUP else head.group_max)
        waiting = [run for uid in UIDS for run in lines.get(f"waiting:{uid}", [])]
        places = Counter([*members, *line, *(run for run in waiting if memory.runs[run].group)])
        grouped = [run for run, known in memory.runs.items() if known.group and not known.state.terminal]
        assert places == Counter(grouped)


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
        "pause": job.pause and (job.pause.by, job.pause.reason, job.pause.failures, job.pause.until is None),
        "ended": job.ended,
        "skip_next": job.skip_next,
        "run_now": job.run_now,
        "seq": job.seq,
    }
