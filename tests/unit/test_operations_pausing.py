"""Pausing and resuming a job beside its spec."""

import pytest

from kronstream.operations import Refused
from kronstream.operations.refused import Why
from unit.fakecluster import NOW, UID, manifest
from unit.office import Office

pytestmark = pytest.mark.anyio


@pytest.fixture
async def office() -> Office:
    office = Office()
    await office.adopt(manifest())
    return office


async def test_a_pause_is_kept_with_who_and_why_until_it_is_ended(office: Office) -> None:
    assert await office.pausing.pause(UID, "anna", "the disk is full", NOW + 5_000)
    assert not await office.pausing.pause(UID, "anna", "the disk is full", NOW + 5_000)
    pause = (await office.state(UID)).pause
    assert pause is not None
    assert (pause.by, pause.reason, pause.since, pause.until) == ("anna", "the disk is full", NOW, NOW + 5_000)

    office.stage.time.advance(1_000)
    assert await office.pausing.resume(UID)
    assert not await office.pausing.resume(UID)
    pause = (await office.state(UID)).pause
    assert pause is not None
    assert (pause.since, pause.until) == (NOW, NOW + 1_000)


async def test_who_and_why_are_bounded_and_never_empty(office: Office) -> None:
    await office.pausing.pause(UID, "", "y" * 2_000)
    pause = (await office.state(UID)).pause
    assert pause is not None
    assert (pause.by, len(pause.reason), pause.until) == ("unknown", 1_024, None)
    await office.pausing.pause(UID, "x" * 300)
    pause = (await office.state(UID)).pause
    assert pause is not None
    assert len(pause.by) == 255


@pytest.mark.parametrize("until", [0, NOW - 1, NOW])
async def test_a_pause_that_would_have_ended_is_refused(office: Office, until: int) -> None:
    with pytest.raises(Refused, match=r"until: .* has passed; write an instant that lies ahead") as caught:
        await office.pausing.pause(UID, "anna", until=until)
    assert caught.value.why is Why.INVALID
    assert (await office.state(UID)).pause is None


async def test_a_job_that_is_not_known(office: Office) -> None:
    for question in (office.pausing.pause("x", "anna"), office.pausing.resume("x")):
        with pytest.raises(Refused, match="job x is not known") as caught:
            await question
        assert caught.value.why is Why.GONE
