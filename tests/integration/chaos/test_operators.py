"""Operators that crash or freeze: what one leaves, the other fires; what both leave is made up for."""

import signal

import pytest

from integration.chaos.load import job, now
from integration.chaos.metronome import Metronome
from integration.chaos.trial import Trial
from integration.chaos.verdict import audited, doubled, in_time, skipped
from integration.installation import Installation

pytestmark = pytest.mark.chaos

BOTH = ("operator-1", "operator-2")


def test_one_killed(trial: Trial, metronome: Metronome) -> None:
    """The other fires its share, less than a second late; nothing is lost, nothing doubled."""
    trial.begin()
    since = now()
    trial.site.stop("operator-1", number=signal.SIGKILL)
    trial.further(100)
    trial.site.start("operator-1")
    trial.further(40)
    until = now()

    found = audited(trial)

    in_time(found, since, until, metronome)
    assert not doubled(found)
    assert not skipped(found, "Missed", "Deadline")


def test_both_killed(trial: Trial) -> None:
    """What was due meanwhile is late but within the grace: all of it runs, in order, but what has a deadline."""
    trial.begin(job("deadline", every="1s", startingDeadline="2s"))
    trial.site.stop(*BOTH, number=signal.SIGKILL)
    trial.lasting(4)
    trial.site.start(*BOTH)
    trial.further(150)

    found = audited(trial)

    assert not doubled(found)
    assert set(skipped(found, "Missed", "Deadline")) == {"deadline"}


def test_both_killed_for_longer_than_the_grace(trial: Trial) -> None:
    """What is older than the grace is made up for by the job's policy; the rest is counted as missed."""
    none = job("none", every="1s", catchUp={"policy": "None"})
    two = job("two", every="1s", catchUp={"policy": "All", "maxRuns": 2})
    trial.begin(none, two)
    trial.site.stop(*BOTH, number=signal.SIGKILL)
    trial.lasting(6)
    impatient = Installation(trial.site.plane, operators=2, environ={"KRONSTREAM_SCHEDULE_GRACE": "2s"})
    with impatient:
        trial.further(100)
        found = audited(trial)
        assert not impatient.complaints()
    trial.site.start(*BOTH)

    missed = {name: counts["Missed"] for name, counts in skipped(found, "Missed").items()}
    assert missed["none"] - missed["two"] == 2
    assert missed["none"] - missed["tick-0"] == 1
    assert not doubled(found)


def test_one_frozen(trial: Trial, metronome: Metronome) -> None:
    """The other fires its share; thawed, it dispatches nothing again."""
    trial.begin()
    since = now()
    trial.site.send("operator-1", signal.SIGSTOP)
    trial.further(130)
    trial.site.send("operator-1", signal.SIGCONT)
    trial.further(60)
    until = now()

    found = audited(trial)

    in_time(found, since, until, metronome)
    assert not doubled(found)
    assert not skipped(found, "Missed", "Deadline")


def test_both_frozen(trial: Trial) -> None:
    """Thawed, they make up for everything, in order and once."""
    trial.begin()
    for name in BOTH:
        trial.site.send(name, signal.SIGSTOP)
    trial.lasting(4)
    for name in BOTH:
        trial.site.send(name, signal.SIGCONT)
    trial.further(150)

    found = audited(trial)

    assert not doubled(found)
    assert not skipped(found, "Missed", "Deadline")
