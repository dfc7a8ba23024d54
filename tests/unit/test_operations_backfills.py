"""Backfills: judged, begun once, carried on step by step, cancelled."""

from typing import Any

import pytest

from kronstream.operations import Preview, Refused, backfills
from kronstream.operations.refused import Why
from kronstream.ports import Backfill
from unit.fakecluster import NOW, UID, manifest
from unit.office import Office

pytestmark = pytest.mark.anyio

BEGIN, END = NOW - 5_000, NOW - 3_000  # three instants, both ends among them
INSTANTS = (BEGIN, BEGIN + 1_000, END)


@pytest.fixture
async def office() -> Office:
    """With one job that runs every second."""
    office = Office()
    await office.adopt(manifest())
    return office


async def carried_on(office: Office, backfill: Backfill, holds: Any = lambda _: True) -> str:
    known = await office.backfills.get(backfill.id)
    return await office.backfills.step(office.stage.store.epoch or "", known, holds)


async def test_what_would_run_is_shown_first(office: Office) -> None:
    assert await office.backfills.preview(UID, BEGIN, END) == Preview(3, INSTANTS)
    assert await office.backfills.preview(UID, BEGIN + 1, BEGIN + 2) == Preview(0, ())
    await office.adopt(manifest("older", schedule="* * * * * *"))
    many = await office.backfills.preview("older", NOW - 150_000, NOW)
    assert (many.total, len(many.instants)) == (151, 100)


async def test_the_same_key_begins_one(office: Office) -> None:
    first, again = [await office.backfills.start(UID, "k", BEGIN, END, by="anna", interval=5) for _ in range(2)]
    other = await office.backfills.start(UID, "other", BEGIN, END)
    assert first == again
    assert (first.total, first.state, first.by, first.interval, first.concurrent) == (3, "running", "anna", 5, 1)
    assert {each.id for each in await office.backfills.of_job(UID)} == {first.id, other.id}
    assert {each.id for each in await office.backfills.due(10)} == {first.id, other.id}


async def test_one_of_another_job_is_not_taken_for_it(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfills, "digest", lambda *_: "0" * 20)
    await office.adopt(manifest("another"))
    await office.backfills.start("another", "k", BEGIN, END)
    with pytest.raises(Refused, match="another key") as no:
        await office.backfills.start(UID, "k", BEGIN, END)
    assert no.value.why is Why.CONFLICT


async def test_every_instant_has_its_run_and_the_end_comes_with_the_last(office: Office) -> None:
    backfill = await office.backfills.start(UID, "k", BEGIN, END)
    nominals = []
    for _ in INSTANTS:
        assert await carried_on(office, backfill) == "ok"
        assert await carried_on(office, backfill) == "wait"
        (claim,) = await office.take()
        nominals.append((await office.finish(claim)).nominal)
    assert await carried_on(office, backfill) == "done"
    assert tuple(nominals) == INSTANTS
    ended = await office.backfills.get(backfill.id)
    assert (ended.state, ended.started, ended.succeeded) == ("done", 3, 3)
    assert await office.backfills.due(10) == []


async def test_instants_whose_condition_does_not_hold_are_passed_over(office: Office) -> None:
    backfill = await office.backfills.start(UID, "k", BEGIN, END)
    assert await carried_on(office, backfill, lambda at: at == END) == "ok"
    (claim,) = await office.take()
    assert claim.nominal == END
    never = await office.backfills.start(UID, "never", BEGIN, END)
    assert await carried_on(office, never, lambda _: False) == "done"


async def test_one_that_was_cancelled_starts_no_more(office: Office) -> None:
    backfill = await office.backfills.start(UID, "k", BEGIN, END)
    assert await office.backfills.cancel(backfill.id, "anna")
    assert not await office.backfills.cancel(backfill.id, "anna")
    assert await carried_on(office, backfill) == "over"
    assert await office.take() == []


async def test_a_schedule_of_a_newer_version_cannot_be_carried_on(office: Office) -> None:
    backfill = Backfill("b", UID, "nonsense", BEGIN, END, BEGIN - 1, 0, 1, 3)
    await office.requests.create_backfill(backfill)
    with pytest.raises(Refused, match="cannot be read"):
        await carried_on(office, backfill)
    empty = Backfill("e", UID, "", BEGIN, END, BEGIN - 1, 0, 1, 3)
    await office.requests.create_backfill(empty)
    assert await carried_on(office, empty) == "done"


@pytest.mark.parametrize(
    ("begin", "end", "pace", "said"),
    [
        (END, BEGIN, {}, "to: .* is earlier than from"),
        (BEGIN, NOW + 1, {}, "to: .* lies ahead; what is due then runs by itself"),
        (BEGIN, END, {"max_runs": 0}, "max_runs: write a number from 1 to 10000"),
        (BEGIN, END, {"max_runs": 10_001}, "max_runs: write a number from 1 to 10000"),
        (BEGIN, END, {"max_runs": 2}, "more than 2 runs were due; choose a shorter range"),
        (BEGIN, END, {"interval": -1}, "interval: write a duration from 0s to 1d"),
        (BEGIN, END, {"interval": 86_400_001}, "interval: write a duration from 0s to 1d"),
        (BEGIN, END, {"concurrent": 0}, "concurrent: write a number from 1 to 1000"),
        (BEGIN, END, {"concurrent": 1_001}, "concurrent: write a number from 1 to 1000"),
        (BEGIN + 1, BEGIN + 2, {}, "nothing was due from .* to "),
    ],
)
async def test_what_cannot_be_filled(office: Office, begin: int, end: int, pace: dict[str, int], said: str) -> None:
    with pytest.raises(Refused, match=said) as caught:
        await office.backfills.start(UID, "k", begin, end, **pace)
    assert caught.value.why is Why.INVALID
    assert await office.backfills.of_job(UID) == []


async def test_as_much_as_is_allowed_is_taken(office: Office) -> None:
    assert (await office.backfills.preview(UID, BEGIN, END, max_runs=3)).total == 3
    taken = await office.backfills.start(UID, "k", BEGIN, END, interval=86_400_000, concurrent=1_000, max_runs=10_000)
    assert (taken.interval, taken.concurrent) == (86_400_000, 1_000)


async def test_more_than_there_may_be_are_refused(office: Office) -> None:
    for number in range(20):
        await office.backfills.start(UID, f"k{number}", BEGIN, END)
    with pytest.raises(Refused, match="cancel one or wait") as caught:
        await office.backfills.start(UID, "k20", BEGIN, END)
    assert caught.value.why is Why.CONFLICT


async def test_a_job_that_runs_only_when_asked_has_nothing_to_fill(office: Office) -> None:
    stored = office.stage.store.jobs[UID]
    stored.when = "{}"
    with pytest.raises(Refused, match="run it now instead") as caught:
        await office.backfills.preview(UID, BEGIN, END)
    assert caught.value.why is Why.CONFLICT


async def test_what_is_not_known(office: Office) -> None:
    for question in (
        office.backfills.preview("x", BEGIN, END),
        office.backfills.get("x"),
        office.backfills.cancel("x", "anna"),
    ):
        with pytest.raises(Refused, match=r"job x is not known|there is no backfill x") as caught:
            await question
        assert caught.value.why is Why.GONE


async def test_a_job_that_goes_before_its_backfill_begins(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    create = office.requests.create_backfill

    async def gone(backfill: Backfill) -> Any:
        await office.stage.ledger.forget([UID])
        return await create(backfill)

    monkeypatch.setattr(office.requests, "create_backfill", gone)
    with pytest.raises(Refused, match="is not known"):
        await office.backfills.start(UID, "k", BEGIN, END)
