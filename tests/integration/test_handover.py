"""Workers of one queue that offer different handlers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from eventually import eventually
from integration.installation import Installation
from integration.objects import condition, scheduled
from kronstream.domain.run import State

OTHER = Path(__file__).with_name("other_handlers.py")


@pytest.fixture
def other(installation: Installation) -> Iterator[str]:
    """A worker beside the two, the only one that offers `other:only`."""
    name = installation.add_worker(OTHER)
    installation.start(name)
    yield name
    installation.stop(name)


def test_a_run_goes_to_the_worker_that_offers_its_function(installation: Installation, other: str) -> None:
    kept = {"history": {"successful": 100}, "retry": {"limit": 0}}
    jobs = installation.apply(*(scheduled(f"only-{n}", function="other:only", every="1s", **kept) for n in range(5)))

    for job in jobs:
        found = installation.wait(job, lambda found: found["status"]["runs"]["succeeded"] >= 3)
        assert found["status"]["runs"]["failed"] == 0
        over = [record for record in installation.records(job) if record.state.terminal]
        assert {(record.state, record.worker, record.attempt) for record in over} == {(State.SUCCESS, other, 1)}
    eventually(lambda: installation.pending() <= len(jobs))


def test_without_that_worker_the_run_fails_and_names_what_is_known(installation: Installation) -> None:
    (job,) = installation.apply(scheduled("orphan", function="other:only", every="1s", retry={"limit": 0}))

    job = installation.wait(job, lambda found: found["status"]["runs"]["failed"] >= 1, within=20)

    record = installation.records(job)[0]
    assert record.reason == "unknown_handler"
    assert "other:only" in (record.error or {})["message"]
    assert "probe:note" in (record.error or {})["message"]
    installation.wait(job, lambda found: condition(found, "LastRunSucceeded").get("status") == "False")
