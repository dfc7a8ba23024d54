"""Operators that stand still (SIGSTOP) and go on (SIGCONT), and two hours without any: replayed as policies say."""

import signal
from collections.abc import Iterator
from typing import Any

import pytest

from eventually import eventually
from integration.installation import Installation
from integration.objects import Object, ready, scheduled
from integration.timeline import gaps, now, until
from kronstream.dev.controlplane import ControlPlane

PLANNING = 2_500  # ms from the plan to its entry, at most
QUEUE = "nobody"  # no worker serves it: entries stay in the stream and can be counted
GRACE = 3_000  # ms; another operator fires what its owner does not after 0.75 s, on a slow machine some time later
FROZEN = 12_000
HOUR = 3_600_000
EVERY: dict[str, dict[str, Any]] = {
    "none": {"catchUp": {"policy": "None"}},
    "latest": {"catchUp": {"policy": "Latest"}},
    "all": {"catchUp": {"policy": "All"}},
    "two": {"catchUp": {"policy": "All", "maxRuns": 2}},
    "jittered": {"catchUp": {"policy": "All"}, "jitter": "300ms"},
}
# how many instants beyond the grace are made up for; None: all
REACH = {"none": 0, "latest": 1, "two": 2, "all": None, "jittered": None}


@pytest.fixture(scope="module")
def site() -> Iterator[Installation]:
    """Two operators for which three seconds are late, and more are missed."""
    environ = {"KRONSTREAM_SCHEDULE_GRACE": "3s"}
    with ControlPlane() as plane, Installation(plane, operators=2, environ=environ) as installation:
        yield installation
        complaints = installation.complaints()
    assert not complaints, "\n".join(complaints)


@pytest.fixture(scope="module")
def thawed(site: Installation) -> dict[str, tuple[Object, int]]:
    """The jobs, after both operators stood still; with the last instant that each had fired before."""
    jobs = {name: scheduled(name, every="1s", queue=QUEUE, **spec) for name, spec in EVERY.items()}
    jobs = dict(zip(jobs, site.apply(*jobs.values()), strict=True))
    eventually(lambda: all(len(site.entries(job, QUEUE)) >= 2 for job in jobs.values()), within=30)
    for name in site.operators:
        site.send(name, signal.SIGSTOP)
    last = {name: max(nominal for nominal, _ in site.entries(job, QUEUE)) for name, job in jobs.items()}
    until(now() + FROZEN)
    for name in site.operators:
        site.send(name, signal.SIGCONT)
    begin = now()
    eventually(lambda: all(site.entries(job, QUEUE)[-1][0] > begin + 2_000 for job in jobs.values()), within=30)
    return {name: (job, last[name]) for name, job in jobs.items()}


@pytest.mark.parametrize("name", REACH)
def test_what_came_due_while_all_stood_still(
    name: str, site: Installation, thawed: dict[str, tuple[Object, int]]
) -> None:
    job, last = thawed[name]
    nominals = [nominal for nominal, _ in site.entries(job, QUEUE)]
    assert nominals == sorted(set(nominals)), "once each, and in order"
    lost = gaps(nominals, 1_000)
    reach = REACH[name]
    if reach is None:
        assert lost == []
    else:
        assert lost
        assert lost == list(range(last + 1_000, last + 1_000 * (len(lost) + 1), 1_000)), "the oldest ones"
        first, instant = next(entry for entry in site.entries(job, QUEUE) if entry[0] > last)
        # planned when the entry was written, or a moment before
        beyond = [len(range(first, planned - GRACE, 1_000)) for planned in (instant - PLANNING, instant)]
        assert min(beyond) <= reach <= max(beyond)
    job = site.wait(job, lambda found: found["status"]["runs"]["skipped"] == len(lost))
    assert job["status"]["skipped"] == ({"Missed": len(lost)} if lost else {})


def test_a_thawed_operator_dispatches_nothing_stale(site: Installation, thawed: dict[str, tuple[Object, int]]) -> None:
    """One stands still while the other fires; when it goes on, everything was done."""
    job, _ = thawed["none"]
    site.send("operator-1", signal.SIGSTOP)
    begin = now()
    eventually(lambda: site.entries(job, QUEUE)[-1][0] > begin + 6_000, within=30)
    site.send("operator-1", signal.SIGCONT)
    thaw = now()
    eventually(lambda: site.entries(job, QUEUE)[-1][0] > thaw + 2_000, within=30)
    entries = [entry for entry in site.entries(job, QUEUE) if entry[0] > begin]
    assert gaps([nominal for nominal, _ in entries], 1_000) == []
    assert len({nominal for nominal, _ in entries}) == len(entries)
    assert all(instant - nominal < 4_000 for nominal, instant in entries)


TWO_HOURS = {
    "hours-none": ({"policy": "None"}, 0),
    "hours-latest": ({"policy": "Latest", "window": "1h"}, 1),
    "hours-all": ({"policy": "All", "window": "1h"}, 6),
    "hours-some": ({"policy": "All", "window": "3h", "maxRuns": 4}, 4),
}


@pytest.fixture(scope="module")
def away(site: Installation, thawed: object) -> dict[str, Object]:
    """Jobs of every ten minutes, after two hours without an operator.

    Nobody waits for them: the operators are stopped, and where they left off is put two hours earlier.
    """
    # no instant of these jobs is near: what is due meanwhile would be on time
    minutes = f"{(now() // 60_000 - 5) % 10}-59/10"
    made = {
        name: scheduled(name, schedule=f"{minutes} * * * *", catchUp=policy, queue=QUEUE)
        for name, (policy, _) in TWO_HOURS.items()
    }
    jobs = {name: site.wait(job, ready) for name, job in zip(made, site.apply(*made.values()), strict=True)}
    site.stop(*site.operators)
    for job in jobs.values():
        site.redis.hincrby(site.keys.job(job["metadata"]["uid"]), "cur", -2 * HOUR)
    site.start(*site.operators)
    return {name: site.wait(job, _moved_on, within=30) for name, job in jobs.items()}


def _moved_on(job: Object) -> bool:
    return bool(job["status"]["runs"]["skipped"])


@pytest.mark.parametrize("name", TWO_HOURS)
def test_two_hours_are_replayed(name: str, site: Installation, away: dict[str, Object]) -> None:
    job, runs = away[name], TWO_HOURS[name][1]
    nominals = sorted({nominal for nominal, _ in site.entries(job, QUEUE)})
    assert len(nominals) == runs
    assert gaps(nominals, 600_000) == []
    if nominals:
        assert now() - 600_000 < nominals[-1] < now(), "the newest ones"
    assert job["status"]["skipped"] == {"Missed": 12 - runs}
