"""Wake-ups: in order, overtaken ones dropped, none lost, and no more kept than there are jobs."""

import asyncio
import random

import pytest

from kronstream.controller.job import Job
from kronstream.controller.roster import SLACK, Roster

pytestmark = pytest.mark.anyio


def job(uid: str, generation: int = 1) -> Job:
    return Job(uid, "default", uid, generation, 0)


def test_jobs_come_up_in_order_and_once() -> None:
    roster = Roster()
    instants = list(range(100))
    random.Random(7).shuffle(instants)
    for at in instants:
        roster.put(one := job(f"job-{at}"))
        roster.wake_at(one, at)
    assert roster.first() == 0
    assert [one.uid for one in roster.pop(9, 100)] == [f"job-{at}" for at in range(10)]
    assert [one.uid for one in roster.pop(99, 5)] == [f"job-{at}" for at in range(10, 15)]
    assert len(roster.pop(99, 1000)) == 85
    assert roster.first() is None


def test_an_overtaken_wake_up_does_not_come_up() -> None:
    roster = Roster()
    one, two = job("one"), job("two")
    for known, at in ((one, 10), (two, 20), (one, 30), (one, 5), (two, None)):
        roster.put(known)
        roster.wake_at(known, at)
    assert [known.uid for known in roster.pop(100, 10)] == ["one"]
    assert roster.pop(100, 10) == []


def test_a_dropped_job_and_a_replaced_one_do_not_come_up() -> None:
    roster = Roster()
    for uid in ("one", "two"):
        roster.put(known := job(uid))
        roster.wake_at(known, 10)
    roster.drop("one")
    roster.put(newer := job("two", 2))
    roster.wake_at(newer, 20)
    assert roster.pop(15, 10) == []
    assert roster.pop(20, 10) == [newer]


def test_overtaken_wake_ups_years_ahead_do_not_pile_up() -> None:
    roster = Roster()
    for number in range(20 * SLACK):
        roster.put(known := job(f"job-{number}"))
        roster.wake_at(known, 10**12 + number)
        if number >= 10:
            roster.drop(f"job-{number}")
    assert len(roster._heap) <= 2 * (len(roster) + SLACK)
    assert len(roster.pop(10**13, 100)) == 10


async def test_a_wait_ends_with_an_earlier_wake_up() -> None:
    roster = Roster()
    roster.put(one := job("one"))
    roster.wake_at(one, 1000)
    waiting = asyncio.create_task(roster.wait(None))
    await asyncio.sleep(0)
    roster.wake_at(one, 2000)
    await asyncio.sleep(0)
    assert not waiting.done()
    roster.wake_at(one, 500)
    await asyncio.wait_for(waiting, 5)
