"""The audit of a soak finds what was planted, and nothing where nothing is."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from integration.chaos.witness import Call
from kronstream.domain.run import Reason, State, Trigger, run_id
from kronstream.streams.runqueue import LEASE
from soak.audit import faults, longest_gap
from soak.evidence import Books, End, Evidence, Harm, Sample
from soak.flatness import leaks
from soak.harvest import Harvest
from soak.kinds import Kind, kinds
from soak.report import report
from soak.server import Server

BEGIN = 1_800_000_000_000
NOOP = next(kind for kind in kinds() if kind.name == "noop")
HOPELESS = next(kind for kind in kinds() if kind.name == "hopeless")
FORBID = next(kind for kind in kinds() if kind.name == "forbid")
MIB = 1 << 20


def run_of(kind: Kind, number: int) -> str:
    return run_id(kind.uid, Trigger.SCHEDULE, str(BEGIN + number * 1_000))


def call(run: str, at: int, lasted: int | None = 100, **fields: Any) -> Call:
    end = None if lasted is None else at + lasted
    told = {"ended": end, "left": end, "worker": "worker-1", "pid": 7, **fields}
    return Call(run, BEGIN, told.pop("attempt", 1), at, **told)


def whole(kind: Kind = NOOP, number: int = 20) -> Evidence:
    """A soak in which one run a second of a kind succeeded, and nothing is wrong."""
    found = Evidence({kind.uid: kind}, begin=BEGIN, stop=BEGIN + number * 1_000)
    calls: dict[str, list[Call]] = {}
    for n in range(number):
        run, at = run_of(kind, n), BEGIN + n * 1_000
        found.due[run] = kind.uid
        found.ends[run] = [End(run, State.SUCCESS, None, 1, at, at + 150)]
        calls[run] = [call(run, at + 10)]
    found.calls = calls
    found.books[kind.uid] = Books({"success": number}, {}, 0)
    return found


RUN = run_of(NOOP, 5)
AT = BEGIN + 5_000


def one(found: Evidence, *says: str) -> None:
    """The audit tells one fault, with these words."""
    (fault,) = faults(found)
    for word in says:
        assert word in fault


def test_where_nothing_is_wrong_nothing_is_found() -> None:
    assert faults(whole()) == []


def test_a_run_that_is_lost_is_found() -> None:
    found = whole()
    del found.ends[RUN]
    found.books[NOOP.uid] = Books({"success": 19}, {}, 0)
    one(found, "1 runs have no end", RUN)


def test_a_run_that_was_skipped_is_lost_where_no_instant_may_be() -> None:
    found = whole(FORBID)
    run = run_of(FORBID, 5)
    del found.ends[run]
    found.books[FORBID.uid] = Books({"success": 19}, {"Overlap": 1}, 0)
    found.calls = {other: calls for other, calls in found.calls.items() if other != run}
    assert faults(found) == []
    found.books[FORBID.uid] = Books({"success": 19}, {"Overlap": 2}, 0)
    one(found, "1 runs have no end, 2 were skipped")


def test_a_run_asked_for_in_the_lost_second_may_be_lost() -> None:
    found = whole()
    del found.ends[RUN]
    found.books[NOOP.uid] = Books({"success": 19}, {}, 0)
    found.perhaps.add(RUN)
    assert faults(found) == []


def test_an_end_that_redis_forgot_may_be_a_skipped_instant_afterwards() -> None:
    found = whole(FORBID)
    found.books[FORBID.uid] = Books({"success": 19}, {"Overlap": 1}, 0)
    assert len(faults(found)) == 2
    found.lost.append((AT, AT + 500))
    assert faults(found) == []


def test_a_record_of_what_was_not_due_is_found() -> None:
    found = whole()
    stray = run_of(NOOP, 99)
    found.ends[stray] = [End(stray, State.SUCCESS, None, 1, AT, AT)]
    one(found, "1 runs that were not due", stray)


def test_two_ends_are_found_but_for_one_that_redis_forgot() -> None:
    found = whole()
    found.ends[RUN].append(End(RUN, State.SUCCESS, None, 1, AT, AT + 900))
    one(found, "ended twice", RUN)
    found.lost.append((AT, AT + 500))
    assert faults(found) == []


@pytest.mark.parametrize(
    ("state", "reason"),
    [(State.FAILED, Reason.ERROR), (State.DEAD, Reason.TOO_MANY_DELIVERIES), (State.CANCELLED, Reason.DELETED)],
)
def test_an_end_that_cannot_be_is_found(state: State, reason: Reason) -> None:
    found = whole()
    found.ends[RUN] = [End(RUN, state, reason, 1, AT, AT + 150)]
    found.books[NOOP.uid] = Books({"success": 19, state: 1}, {}, 0)
    one(found, f"{RUN} is {state} ({reason})")


def test_a_cancelled_run_is_right_only_where_somebody_cancelled() -> None:
    found = whole()
    found.ends[RUN] = [End(RUN, State.CANCELLED, Reason.REQUESTED, 1, AT, AT + 150)]
    found.books[NOOP.uid] = Books({"success": 19, "cancelled": 1}, {}, 0)
    one(found, "is cancelled (requested)")
    found.cancelled.add(RUN)
    assert faults(found) == []


def test_counters_that_differ_from_the_records_are_found() -> None:
    found = whole()
    found.books[NOOP.uid] = Books({"success": 21}, {}, 3)
    assert [fault.partition(": ")[2] for fault in faults(found)] == [
        "the store counts 21 success, 20 were read",
        "3 runs are active",
    ]


def test_a_success_that_no_handler_saw_is_found() -> None:
    found = whole()
    found.calls = {**found.calls, RUN: [call(RUN, AT, ended=None, left=AT + 100)]}
    one(found, f"{RUN} succeeded in attempt 1, its handler in none")


def again(found: Evidence, *calls: Call) -> Evidence:
    """With other calls of the run, the last of which ended it."""
    found.calls = {**found.calls, RUN: list(calls)}
    last = calls[-1]
    assert last.ended is not None
    found.ends[RUN] = [End(RUN, State.SUCCESS, None, last.attempt, AT, last.ended + 10)]
    return found


def test_two_handlers_at_a_time_are_found() -> None:
    found = again(whole(), call(RUN, AT, 400, ended=None), call(RUN, AT + 200, 300, attempt=2, worker="worker-2"))
    one(found, "two handlers at a time")


def test_one_whose_process_was_seen_later_had_not_ended() -> None:
    found = again(whole(), call(RUN, AT, None, pid=11), call(RUN, AT + 2_000, attempt=2, worker="worker-2"))
    assert faults(found) == []
    found.alive["worker-1", 11] = AT + 2_500
    one(found, "two handlers at a time")


@pytest.mark.parametrize(("frozen", "wrong"), [(LEASE - 2_000, 1), (LEASE + 2_000, 0)])
def test_a_worker_that_stood_still_keeps_a_run_for_its_lease(frozen: int, wrong: int) -> None:
    second = call(RUN, AT + LEASE - 500, 100, attempt=2, worker="worker-2")
    found = again(whole(), call(RUN, AT, LEASE + 3_000, ended=None), second)
    found.harms.append(Harm("freeze", "worker-1", AT + 100, AT + 100 + frozen))
    overlapping = [fault for fault in faults(found) if "two handlers" in fault]
    assert len(overlapping) == wrong


def test_a_handler_after_the_end_of_its_run_is_found() -> None:
    found = whole()
    found.calls = {**found.calls, RUN: [*found.calls[RUN], call(RUN, AT + 3_000, ended=None, worker="worker-2")]}
    assert any(f"{RUN} was begun 2850 ms after its end" in fault for fault in faults(found))


def test_a_handler_that_went_on_after_the_end_of_its_run_is_found() -> None:
    found = whole(HOPELESS)
    run = run_of(HOPELESS, 5)
    found.ends[run] = [End(run, State.FAILED, Reason.TIMEOUT, 1, AT, AT + 150)]
    found.calls = {**found.calls, run: [call(run, AT + 10, 2_000, ended=None)]}
    assert any("went on for 1860 ms after its end" in fault for fault in faults(found))


def test_what_redis_forgot_may_be_begun_again_until_the_workers_know() -> None:
    found = again(whole(), call(RUN, AT, 400), call(RUN, AT + 200, 300, worker="worker-2"))
    assert len(faults(found)) == 2
    found.lost.append((AT - 4_000, AT - 2_000))
    found.harms.append(Harm("redis kill", "redis", AT - 2_000, AT - 500))
    assert faults(found) == []
    found.harms[-1] = Harm("redis kill", "redis", AT - 9_500, AT - 8_000)
    found.lost[-1] = (AT - 11_500, AT - 9_500)
    assert len(faults(found)) == 2


def test_a_success_that_is_executed_again_is_found_where_nothing_happened_to_its_worker() -> None:
    found = again(whole(), call(RUN, AT, 50), call(RUN, AT + 100, 50))
    one(found, "attempt 1 had succeeded and was begun again")
    found.harms.append(Harm("kill", "worker-1", AT + 60, AT + 60 + LEASE))
    assert faults(found) == []


def test_more_at_a_time_than_may_is_found() -> None:
    limited = next(kind for kind in kinds() if kind.name == "queue")
    found = whole(limited)
    first, second = run_of(limited, 5), run_of(limited, 6)
    found.calls = {**found.calls, second: [call(second, AT + 60)]}
    one(found, "2 of the itself executed at a time, 1 may", first, second)
    found.lost.append((AT + 50, AT + 500))
    assert faults(found) == []


def test_a_time_without_ends_is_found() -> None:
    found = whole(number=90)
    for number in range(40, 70):
        found.ends[run_of(NOOP, number)] = [End(run_of(NOOP, number), State.SUCCESS, None, 1, AT, BEGIN + 70_000)]
    found.calls = {}
    assert longest_gap(found)[0] == 30_850
    assert any("nothing ended for 30850 ms" in fault for fault in faults(found))


def sampled(rss: tuple[int, int, int], files: int = 0, pid: int = 7) -> Evidence:
    """Five minutes of a process, with so many MiB in each third, and so many more files in the last."""
    found = whole(number=300)
    for second in range(0, 300, 2):
        third = second // 100
        count = 20 + (files if third == 2 else 0)
        found.samples.append(Sample(BEGIN + second * 1_000, "worker-1", "loop", pid, rss[third] * MIB, count))
        found.memory.append((BEGIN + second * 1_000, rss[third] * MIB))
    return found


def test_memory_that_grows_is_found_and_a_warm_up_is_not() -> None:
    assert list(leaks(sampled((40, 70, 74)))) == []
    grown = list(leaks(sampled((40, 70, 90))))
    assert [fault.partition(" grew")[0] for fault in grown] == [
        "memory of worker-1's loop",
        "memory of worker-1's loop, process 7",
        "memory of Redis",
    ]


def test_files_that_are_left_open_are_found() -> None:
    assert [fault.partition(" grew")[0] for fault in leaks(sampled((70, 70, 70), files=30, pid=0))] == [
        "open files of worker-1's loop"
    ]


def test_the_table_tells_runs_outcomes_and_harms() -> None:
    found = sampled((40, 70, 74))
    found.harms.append(Harm("freeze", "worker-1", AT, AT + 12_000))
    text = report(found)
    assert "300 success" in text
    assert "300 runs in 300 s, 1 a second; 300 attempts seen" in text
    assert "harms: 1 freeze" in text
    assert "freezes longer than a lease: 1" in text
    assert "worker-1 loop" in text


def test_every_kind_has_a_name_and_an_end_of_its_own() -> None:
    found = kinds()
    assert len({kind.uid for kind in found}) == len(found)
    assert all(kind.ends for kind in found)
    assert sum(kind.rate for kind in found) > 200


def test_a_record_that_says_something_else_than_its_history_is_found() -> None:
    found = Evidence({NOOP.uid: NOOP})

    class Pipe:
        def zrangebyscore(self, *_: Any, **__: Any) -> None: ...
        def hmget(self, *_: Any) -> None: ...
        async def execute(self) -> list[Any]:
            return answers.pop(0)

    class Client:
        def pipeline(self, transaction: bool) -> Pipe:
            return Pipe()

    answers: list[list[Any]] = [[[(RUN, AT)], []], [["running", None, "1", str(AT), None]]]
    asyncio.run(Harvest(Client(), found).once())  # type: ignore[arg-type]
    assert found.ends == {}
    assert [RUN in fault for fault in found.left] == [True]


def test_what_was_asked_for_before_redis_died_and_answered_after_it_may_be_forgotten() -> None:
    found = Evidence({}, lost=[(BEGIN, BEGIN + 2_500)])
    assert found.forgotten(BEGIN + 2_400, BEGIN + 2_600)
    assert found.forgotten(BEGIN - 100, BEGIN)
    assert not found.forgotten(BEGIN - 100, BEGIN - 1)
    assert not found.forgotten(BEGIN + 2_501, BEGIN + 2_600)


def test_what_a_cut_takes_away_is_known_where_the_length_was_noted_late(tmp_path: Path) -> None:
    server = Server(tmp_path)
    file = tmp_path / "redis" / "appendonlydir" / "a.incr.aof"
    file.parent.mkdir()
    file.write_bytes(b"x" * 100)
    server._sizes.extend([(BEGIN, file, 40), (BEGIN + 9_500, file, 90)])
    assert server._lose(BEGIN + 9_000) == BEGIN
    assert (server.cut, file.stat().st_size) == (60, 40)
    file.unlink()
    assert server._lose(BEGIN + 9_000) == BEGIN + 9_000
