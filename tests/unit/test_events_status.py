"""What a handler's status tells, and who writes it."""

import time
from typing import Any, cast

import pytest

from kronstream.budget import Budget
from kronstream.cluster.api import ApiError
from kronstream.cluster.eventhandlers import EventHandlers
from kronstream.events import statuswriter as writers
from kronstream.events.sources import Source
from kronstream.events.statuswriter import StatusWriter
from kronstream.events.view import conditions, expected, lag_differs, status_of
from kronstream.ports import HandlerError, HandlerState, Lag
from kronstream.resources.eventhandler import parse_handler_status
from unit.eventstage import KEY, STREAM, UID, EventStage, event, handler, manifest, uid
from unit.fakecluster import NOW

pytestmark = pytest.mark.anyio
READ = Source(STREAM, joined=True, lag=Lag(0, None, "7-0"))
OTHERS = {"type": "Elsewhere", "status": "True", "reason": "Told", "lastTransitionTime": "2026-01-01T00:00:00Z"}


def told(sources: list[Source], away: str = "", **fields: Any) -> dict[str, tuple[str, str, str]]:
    found = conditions(handler(**fields), sources, NOW, away)
    return {one["type"]: (one["status"], one["reason"], one["message"]) for one in found}


def test_a_handler_whose_stream_is_read_is_ready() -> None:
    found = told([READ])

    assert found["Ready"][:2] == ("True", "InForce")
    assert found["Stalled"][:2] == ("False", "SpecAccepted")
    assert found["Listening"] == ("True", "Reading", f"{STREAM} is read")


def test_a_silent_stream_says_so() -> None:
    source = Source(STREAM, joined=True, lag=Lag(0, None, "0-0"))

    assert told([source])["Listening"][:2] == ("True", "NoEventYet")


@pytest.mark.parametrize(
    ("sources", "away", "reason"),
    [
        ([Source(STREAM, fault=f"{STREAM} is no stream")], "", "StreamFault"),
        ([READ, Source("outcomes", fault="outcomes is no stream")], "", "StreamFault"),
        ([READ], "Connection refused", "StoreAway"),
        ([Source(STREAM)], "", "NotReadYet"),
        ([], "", "NotReadYet"),
    ],
)
def test_a_deaf_handler_is_never_ready(sources: list[Source], away: str, reason: str) -> None:
    found = told(sources, away)

    assert found["Ready"][:2] == ("False", reason)
    assert found["Ready"][2] == found["Listening"][2] != ""
    assert found["Listening"][0] != "True"
    assert told(sources, away, enabled=False)["Ready"][0] == "False"


def test_a_disabled_handler_says_so() -> None:
    assert told([READ], enabled=False)["Ready"][:2] == ("True", "Disabled")


def test_a_spec_that_cannot_be_used_is_stalled_with_the_reason() -> None:
    found = told([READ], filter="event.data.x ==")

    assert found["Stalled"][:2] == ("True", "InvalidSpec")
    assert found["Stalled"][2].startswith("spec.filter: ")
    assert found["Ready"] == ("False", "InvalidSpec", found["Stalled"][2])


def test_others_conditions_and_times_of_change_are_kept() -> None:
    first = conditions(handler(), [READ], NOW)
    again = conditions(handler(status={"conditions": [*first, OTHERS]}), [READ], NOW + 60_000)

    assert again == [*first, OTHERS]
    deaf = conditions(handler(status={"conditions": first}), [], NOW + 60_000)
    assert deaf[0]["lastTransitionTime"] == "2026-11-18T11:07:40Z"
    assert deaf[1]["lastTransitionTime"] == first[1]["lastTransitionTime"]


def test_the_whole_status_is_one_that_the_resource_has() -> None:
    state = HandlerState(
        1, 9, triggered=8, succeeded=5, failed=1, filtered=3, deduplicated=2, debounced=4, rate_limited=6, errors=7,
        last_trigger=NOW, last_success=NOW, last_error=HandlerError("x" * 2_000, "e" * 500, NOW), waiting=2,
        oldest=NOW - 5_000, open=1,
    )  # fmt: skip
    source = Source(STREAM, joined=True, lag=Lag(12, NOW, "7-0"), settled="6-0")

    status = status_of(handler(), state, [source], NOW)
    read = parse_handler_status(status)

    assert (read.trigger_count, read.success_count, read.failure_count, read.filtered_count) == (8, 5, 1, 3)
    assert (read.deduplicated_count, read.debounced_count, read.rate_limited_count, read.error_count) == (2, 4, 6, 7)
    assert (read.waiting, read.oldest_waiting_time_ms, read.open_jobs) == (2, NOW - 5_000, 1)
    assert (read.lag, read.last_id, read.seq, read.observed_generation) == (12, "6-0", 9, 1)
    assert (read.action, read.last_trigger_time_ms) == ("runJob target", NOW)
    assert status.keys() >= {"observedGeneration", "seq", "conditions", "waiting", "openJobs"}


def test_a_status_that_tells_it_already_is_not_written() -> None:
    found = handler(status={"conditions": conditions(handler(), [READ], NOW), "lag": 0})

    assert found.said == expected(found, [READ])
    assert found.said != expected(found, [Source(STREAM, fault="odd")])
    assert found.said != expected(found, [READ], "away")
    assert not lag_differs(found, READ)
    assert lag_differs(found, Source(STREAM, lag=Lag(5, NOW, "1-0")))
    assert not lag_differs(found, Source(STREAM, lag=Lag(None, NOW, "1-0")))
    found.note({"conditions": conditions(found, [READ], NOW, "away")})
    assert found.said == expected(found, [READ], "away"), "what a new status tells counts"
    found.note({})
    assert found.said != expected(found, [READ]), "one that was never told anything"


class Writing:
    """A stage with a writer of status."""

    def __init__(self, stage: EventStage) -> None:
        self.stage = stage
        self.writer = StatusWriter(
            stage.table, stage.sources, stage.effects, stage.ledger, cast("EventHandlers", stage.handlers),
            stage.adopting, stage.pulse, stage.clock, stage.measures, Budget(50, 10_000, 1_000, time.monotonic() - 10),
        )  # fmt: skip
        stage.adopting.entered = self.writer.fresh

    async def turn(self) -> None:
        """One round over what is marked, to its end."""
        _, uids = await self.stage.ledger.dirty(0, handlers=True)
        self.writer._results.update(dict.fromkeys(uids))
        await self.writer._round()
        for flight in list(self.writer._flights):
            await flight
        await self.stage.ledger.clean(self.writer._clean)


async def written(*objects: dict[str, Any]) -> Writing:
    stage = EventStage()
    writing = Writing(stage)
    await stage.open(*objects)
    stage.sources.want([STREAM])
    source = stage.sources.get(STREAM)
    assert source is not None
    source.joined = True
    await writing.turn()
    return writing


async def test_a_new_generation_is_told_at_once_and_its_mark_taken_back() -> None:
    writing = await written(manifest())

    (status,) = writing.stage.handlers.written
    assert status["observedGeneration"] == 1
    assert await writing.stage.ledger.dirty(0, handlers=True) == (0, [])


async def test_counts_are_told_once_a_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    writing = await written(manifest())
    await writing.stage.adopt_job()
    await writing.stage.log.join(STREAM, "0")

    await writing.stage.deliver(event())
    await writing.turn()
    assert len(writing.stage.handlers.written) == 1
    monkeypatch.setattr(writers, "APART", 0.0)
    await writing.turn()

    assert writing.stage.handlers.written[-1]["successCount"] == 1
    assert len(writing.stage.handlers.written) == 2


async def test_another_routers_share_is_left_to_it() -> None:
    stage = EventStage()
    writing = Writing(stage)
    await stage.effects.beat("|router-2")
    await stage.open(*(manifest(uid(n)) for n in range(20)))
    await writing.turn()

    mine = {f"eh.{uid(n)}" for n in range(20) if stage.pulse.owns(f"eh.{uid(n)}")}
    assert 0 < len(mine) < 20
    assert len(stage.handlers.written) == len(mine)
    _, marked = await stage.ledger.dirty(0, handlers=True)
    assert set(marked).isdisjoint(mine)


async def test_a_higher_sequence_number_is_gone_on_from() -> None:
    stage = EventStage()
    writing = Writing(stage)
    await stage.open(manifest())
    stage.handlers.objects[UID]["status"] = {"seq": 40}
    await writing.turn()
    assert stage.adopting.awaits(KEY)
    await stage.adopting._ask()
    await stage.adopting._step()

    assert (await stage.state()).seq > 40


async def test_a_refusal_counts_as_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = EventStage()
    writing = Writing(stage)
    await stage.open(manifest())

    async def refuse(*_: object) -> None:
        raise ApiError(403, "a right is missing")

    with monkeypatch.context() as patch:
        patch.setattr(stage.handlers, "write_status", refuse)
        await writing.turn()
    (metric,) = writing.writer._measures.status_writes.collect()
    assert [(one.labels["outcome"], one.value) for one in metric.samples if one.value == 1] == [("failed", 1)]


async def test_a_store_that_is_away_makes_handlers_deaf_once() -> None:
    writing = await written(manifest())
    stage = writing.stage
    stage.handlers.written.clear()

    await writing.writer._tell_deaf("Connection refused")
    await writing.writer._tell_deaf("Connection refused")

    (status,) = stage.handlers.written
    assert status["conditions"][0]["status"] == "False"
    assert status["conditions"][0]["reason"] == "StoreAway"
    assert status["seq"] == 1, "nothing else is told than was known"


async def test_a_stream_that_cannot_be_read_any_more_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writers, "APART", 0.0)
    writing = await written(manifest())
    source = writing.stage.sources.get(STREAM)
    assert source is not None
    source.joined, source.fault = False, "it is no stream"

    for other in await writing.writer._lookout.differing(lags=False):
        writing.writer.changed(other)
    await writing.turn()

    ready = writing.stage.handlers.written[-1]["conditions"][0]
    assert (ready["status"], ready["reason"], ready["message"]) == ("False", "StreamFault", "it is no stream")
