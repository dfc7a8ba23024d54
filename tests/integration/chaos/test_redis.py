"""Redis that crashes, stays away, comes back older, or comes back empty."""

import signal
from pathlib import Path

import pytest

from eventually import eventually
from integration.chaos.audit import accounts, quiet_faults
from integration.chaos.load import job, now
from integration.chaos.trial import Trial, uid_of
from integration.chaos.verdict import audited, nothing_wrong, skipped
from integration.chaos.wipe import Counters, wipe
from kronstream.resources.instant import render

pytestmark = pytest.mark.chaos

FIRING_AGAIN = 5_000  # ms


def test_killed_and_started_again(trial: Trial) -> None:
    """Nothing is lost: what was due meanwhile is late."""
    trial.begin()
    trial.site.plane.restart_part("redis", signal.SIGKILL)
    trial.further(100)

    found = audited(trial)

    assert not skipped(found, "Missed", "Deadline")


def test_away_for_five_seconds(trial: Trial) -> None:
    """Readiness tells it meanwhile; afterwards everything is made up for."""
    trial.begin()
    trial.site.plane.stop_part("redis", signal.SIGKILL)
    operators = [trial.site.components[name] for name in trial.site.operators]
    eventually(lambda: not any(operator.ready() for operator in operators))
    trial.lasting(5)
    trial.site.plane.start_part("redis")
    trial.further(200)

    found = audited(trial)

    eventually(lambda: all(operator.ready() for operator in operators))
    assert not skipped(found, "Missed", "Deadline")


def test_a_copy_two_seconds_old(trial: Trial, tmp_path: Path) -> None:
    """What was dispatched in the seconds that are lost is dispatched again: above all the one run of the day."""
    at = (now() // 1000 + 20) * 1000
    daily = job("daily", every="1d", anchor=render(at))
    trial.begin(daily)
    eventually(lambda: now() > at - 700, within=30)
    trial.site.plane.save_part("redis", tmp_path / "copy")
    assert now() < at - 50, "the copy was made too late"
    lost = f"{uid_of(trial.named('daily'))}-s{at}"
    eventually(lambda: now() > at + 1_300 and lost in trial.witness.calls(), within=15)
    trial.site.plane.restore_part("redis", tmp_path / "copy")
    back = now()
    trial.further(150)

    # which run another one's presence forbids is decided anew, so a handler may have seen one that is skipped now
    found = audited(trial, "forbid", lost_at=back)

    assert len(trial.witness.calls()[lost]) == 2
    assert [account.records[at].id for account in found if account.name == "daily"] == [lost]
    assert not skipped(found, "Missed", "Deadline")


def test_wiped(trial: Trial) -> None:
    """Everything is filled again from status and memory; what was handled before is not fired again."""
    trial.begin()
    trial.further(80)
    redis, keys = trial.site.redis, trial.site.keys
    with Counters(trial) as counters:
        before = wipe(trial)
        eventually(lambda: redis.exists(keys.epoch), 5, "(the store was not opened)")
        opened = now()
        trial.further(150)
        trial.settle()
        found = accounts(trial)
    first = min(run.dispatched for account in found for at, run in account.records.items() if at > before.at)
    print(f"opened again after {opened - before.at} ms, first dispatch after {first - before.at} ms")

    nothing_wrong(
        [*before.faults(found), *quiet_faults(trial, found, before.at), *counters.fallen, *trial.site.complaints()]
    )
    assert first - before.at < FIRING_AGAIN
