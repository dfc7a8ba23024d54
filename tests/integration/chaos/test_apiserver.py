"""An API server that is away, and an etcd that comes back older."""

import signal
from pathlib import Path

import pytest

from eventually import eventually
from integration.chaos.load import job, now
from integration.chaos.metronome import Metronome
from integration.chaos.trial import Trial, uid_of
from integration.chaos.verdict import audited, doubled, in_time, skipped

pytestmark = pytest.mark.chaos

IN_FORCE = 15.0  # seconds until an edit made after the API server's return is in force


def test_away_for_thirty_seconds(trial: Trial, metronome: Metronome) -> None:
    """Firing goes on; status catches up; an edit made right after its return is in force soon."""
    edited = job("edited", every="1d")
    trial.begin(edited)
    since, begun = now(), trial.witness.count()
    trial.site.plane.stop_part("apiserver", signal.SIGKILL)
    trial.lasting(30)
    assert trial.witness.count() - begun > 30 * 15
    trial.site.plane.start_part("apiserver")
    until = now()
    returned = now()
    trial.jobs[-1] = trial.site.apply(job("edited", every="1s", anchor="2026-01-01T00:00:00Z"))[0]
    eventually(lambda: trial.records(trial.named("edited")), IN_FORCE, "(the edit is not in force)")
    print(f"the edit was in force after {now() - returned} ms")

    found = audited(trial, "edited")

    in_time(found, since, until, metronome)
    assert not doubled(found)
    assert not skipped(found, "Missed", "Deadline")


def test_etcd_restored_to_an_older_copy(trial: Trial, tmp_path: Path) -> None:
    """What is live counts: an edit is taken back, a deleted job runs again, a job made since is forgotten."""
    plane, site = trial.site.plane, trial.site
    trial.begin(job("deleted", every="1s"), job("edited", every="1s"))
    plane.save_part("etcd", tmp_path / "copy")
    (newer,) = site.apply(job("newer", every="1s"))
    edited_at = now()
    site.apply(job("edited", every="1h", anchor="2026-01-01T00:00:00Z"))
    site.objects.delete(trial.named("deleted"))
    eventually(lambda: trial.records(newer))
    deleted, edited = uid_of(trial.named("deleted")), uid_of(trial.named("edited"))
    keys = site.keys
    eventually(lambda: site.redis.zscore(keys.jobs, deleted) is None)
    eventually(lambda: site.redis.hget(keys.job(edited), "gen") == "2")
    plane.restore_part("etcd", tmp_path / "copy")
    eventually(lambda: site.redis.zscore(keys.jobs, uid_of(newer)) is None, 10, "(a job of the lost time still fires)")
    eventually(lambda: site.redis.hget(keys.job(edited), "gen") == "1", 10, "(the lost edit is still in force)")
    eventually(lambda: site.redis.zscore(keys.jobs, deleted), 10, "(a job that is live again is not fired)")
    back = now()
    trial.further(150)

    found = {account.name: account for account in audited(trial, "edited", "deleted")}

    assert found["deleted"].due == set(found["deleted"].records)
    # while the lost edit was in force
    assert len(found["edited"].due - set(found["edited"].records)) <= (back - edited_at) // 1_000 + 2
    assert not doubled(list(found.values()))
    assert not skipped(list(found.values()), "Missed", "Deadline")
