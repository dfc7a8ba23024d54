"""Workers that crash in the middle of runs: what they held is taken up by others."""

import signal

import pytest

from eventually import eventually
from integration.chaos.load import job, now
from integration.chaos.metronome import Metronome
from integration.chaos.trial import Trial, uid_of
from integration.chaos.verdict import audited, in_time
from kronstream.domain.run import State

pytestmark = pytest.mark.chaos

HELD = 15.0  # seconds: a lease of ten, and the sweep after it


def test_both_killed_one_after_the_other(trial: Trial, metronome: Metronome) -> None:
    """One stays away, one comes back under its name: every run that they held is tried again and ends."""
    trial.begin(job("long", every="2s", payload={"seconds": 1.9}), job("hours", every="2s", payload={"seconds": 1.7}))
    since = now()
    held = [run for name in ("worker-1", "worker-2") for run in _crash(trial, name)]
    trial.site.start("worker-2")
    trial.further(100)
    trial.site.start("worker-1")
    redis, keys = trial.site.redis, trial.site.keys
    eventually(lambda: all(State(redis.hget(keys.run(run), "st")).terminal for run in held), HELD, str(held))
    until = now()

    found = audited(trial)

    again = {run.id: run for account in found for run in account.records.values() if run.id in held}
    assert len(again) == len(held) >= 2
    assert all(run.attempt > 1 or run.state is State.CANCELLED for run in again.values()), again
    in_time(found, since, until, metronome)


def _crash(trial: Trial, name: str) -> list[str]:
    """Kills a worker while it is in the middle of runs; which."""
    long = tuple(uid_of(trial.named(job)) for job in ("long", "hours"))

    def held() -> list[str]:
        return [run for run in trial.running(name) if run.startswith(long)]

    before = eventually(held)
    trial.site.stop(name, number=signal.SIGKILL)
    return [run for run in before if run in held()]
