"""All operators away for some seconds: what is made up for when they return, what is not, and what is gone for good."""

from collections.abc import Iterator

import pytest

from eventually import eventually
from integration.installation import Installation
from integration.objects import condition
from integration.outage import QUEUE, Outage, begin, end, meddle
from integration.timeline import gaps, now, parse, until
from kronstream.dev.controlplane import ControlPlane

GRACE = 4_000  # ms; the installation's setting
MARGIN = 100


@pytest.fixture(scope="module")
def outage() -> Iterator[Outage]:
    """One outage for all tests of this module."""
    environ = {"KRONSTREAM_SCHEDULE_GRACE": "4s"}
    with ControlPlane() as plane, Installation(plane, operators=2, environ=environ) as installation:
        outage = Outage(installation)
        begin(outage)
        meddle(outage)
        end(outage)
        yield outage
        complaints = installation.complaints()
    assert not complaints, "\n".join(complaints)


def missing(outage: Outage, name: str) -> list[int]:
    """Instants without an entry between a job's first entry and its last."""
    nominals = outage.nominals(name)
    assert len(nominals) == len(set(nominals))
    assert nominals == sorted(nominals)
    return gaps(nominals, 1_000)


def made_up(outage: Outage, name: str) -> list[int]:
    """What the first dispatch after the outage made up for: all of it has that instant."""
    new = outage.new(name)
    return [nominal for nominal, instant in new if instant - new[0][1] < 5]


# how much older than the grace the oldest instant may be that is made up for
REACH = {"none": 0, "latest": 1_000, "two": 2_000, "window": 2_000}


@pytest.mark.parametrize("name", REACH)
def test_catch_up_reaches_as_far_back_as_its_policy(name: str, outage: Outage) -> None:
    # one more where an instant is just so old
    assert len(made_up(outage, name)) - (GRACE + REACH[name]) // 1_000 in (0, 1)
    lost = missing(outage, name)
    assert len(lost) >= 2
    assert min(lost) == outage.last[name] + 1_000
    assert outage.status(name)["skipped"] == {"Missed": len(lost)}
    assert outage.status(name)["runs"]["skipped"] == len(lost)


@pytest.mark.parametrize("name", ["all", "retagged"])
def test_everything_is_made_up_for_in_order(name: str, outage: Outage) -> None:
    assert missing(outage, name) == []
    assert outage.status(name)["skipped"] == {}


def test_a_starting_deadline_limits_what_is_made_up_for(outage: Outage) -> None:
    lost = missing(outage, "deadline")

    assert outage.status("deadline")["skipped"] == {"Deadline": len(lost)}
    assert len(made_up(outage, "deadline")) in (5, 6)


def test_missed_instants_are_told_in_one_event(outage: Outage) -> None:
    job = outage.jobs["none"]
    (event,) = eventually(lambda: outage.installation.objects.events(job), within=5)

    assert (event["type"], event["reason"]) == ("Warning", "Missed")
    assert f"{len(missing(outage, 'none'))} due instant(s) were missed and not caught up" in event["message"]


def test_another_interval_takes_the_missed_instants_away(outage: Outage) -> None:
    assert outage.new("slowed") == []
    skipped = outage.status("slowed")["skipped"]
    assert set(skipped) == {"Edited"}
    assert (outage.up - outage.last["slowed"]) // 1_000 <= skipped["Edited"] <= (now() - outage.last["slowed"]) // 1_000


def test_what_was_missed_before_a_pause_is_not_made_up_for_after_it(outage: Outage) -> None:
    assert outage.new("held") == []
    outage.jobs["held"] = outage.installation.objects.patch(outage.jobs["held"], suspend=False)
    resumed = now()
    eventually(lambda: len(outage.new("held")) >= 2)

    assert all(nominal >= resumed - MARGIN for nominal, _ in outage.new("held"))
    eventually(lambda: outage.status("held")["skipped"] == {"Suspended": len(missing(outage, "held"))})


def test_resuming_during_the_outage_makes_up_for_nothing(outage: Outage) -> None:
    nominal, instant = outage.new("resumed")[0]

    assert nominal >= outage.up
    assert instant - nominal < GRACE
    created = parse(outage.jobs["resumed"]["metadata"]["creationTimestamp"])
    assert outage.status("resumed")["skipped"] == {"Suspended": (nominal - created) // 1_000 - 1}


@pytest.mark.parametrize("name", ["deleted", "former"])
def test_a_job_deleted_meanwhile_leaves_no_firing_no_run_and_no_key(name: str, outage: Outage) -> None:
    job = outage.jobs[name]

    eventually(lambda: not outage.installation.lasting(job), within=10)

    assert outage.installation.entries(job, QUEUE) == []
    until(now() + 1_200)
    assert outage.installation.entries(job, QUEUE) == []
    assert not outage.installation.lasting(job)


def test_a_job_created_anew_meanwhile_starts_afresh(outage: Outage) -> None:
    created = parse(outage.jobs["recreated"]["metadata"]["creationTimestamp"])

    status = outage.status("recreated")

    assert all(nominal > created for nominal in outage.nominals("recreated"))
    assert created + 1_000 <= parse(status["lastScheduleTime"])
    assert status["runs"]["total"] == status["active"]
    first = outage.nominals("recreated")[0]
    before = (first - created) // 1_000 - 1
    assert status["skipped"] == ({"Missed": before} if before else {})


@pytest.mark.parametrize("name", ["once", "once-born"])
def test_a_one_time_job_due_meanwhile_runs_late(name: str, outage: Outage) -> None:
    entries = eventually(lambda: outage.new(name))
    outage.installation.wait(outage.jobs[name], lambda found: "nextRunTime" not in found["status"])

    assert [nominal for nominal, _ in entries] == [parse(outage.jobs[name]["spec"]["runAt"])]


def test_a_one_time_job_with_a_deadline_is_over_instead(outage: Outage) -> None:
    job = outage.installation.wait(outage.jobs["once-deadline"], lambda found: "completionTime" in found["status"])

    assert outage.new("once-deadline") == []
    assert job["status"]["skipped"] == {"Deadline": 1}


def test_a_one_time_job_moved_into_the_past_is_over_without_a_run(outage: Outage) -> None:
    job = outage.installation.wait(outage.jobs["once-moved"], lambda found: "completionTime" in found["status"])

    assert outage.nominals("once-moved") == []
    assert condition(job, "Ready")["reason"] == "Expired"
    assert job["status"]["runs"]["total"] == 0


def test_a_rolling_restart_misses_nothing(outage: Outage) -> None:
    installation, begin = outage.installation, now()
    for name in installation.operators:
        installation.stop(name)
        installation.start(name)
    back = now()

    late = []
    for name in (*REACH, "all", "retagged", "recreated"):
        eventually(lambda name=name: outage.nominals(name)[-1] > back)
        entries = [entry for entry in installation.entries(outage.jobs[name], QUEUE) if entry[0] > begin]
        assert gaps([nominal for nominal, _ in entries], 1_000) == []
        late += [instant - nominal for nominal, instant in entries]
    assert sorted(late)[len(late) // 2] < 1_000, late
    assert max(late) < GRACE, late
