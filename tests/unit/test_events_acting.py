"""What waited is acted on: jobs are created once, what fails is tried again, and given up with the reason."""

import asyncio
import json
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from kronstream.cluster.api import ApiError
from kronstream.events import acting as actings
from kronstream.events import delivery as deliveries
from kronstream.ports import Ending, Settled, Waiting
from unit.eventstage import CREATE_JOB, JOB_UID, KEY, RUN_JOB, STREAM, EventStage, event, manifest, soon, uid

pytestmark = pytest.mark.anyio
NO_WAIT = {"limit": 2, "backoff": {"initial": "3s", "factor": 1.0, "jitter": 0.0}}


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "AGAIN", 0.001)


async def staged(*texts: str, **fields: Any) -> EventStage:
    """A handler in force to which events came."""
    stage = EventStage()
    await stage.open(manifest(**{"action": CREATE_JOB, "retry": NO_WAIT, **fields}))
    await stage.log.join(STREAM, "0")
    await stage.deliver(*(texts or (event(),)))
    return stage


async def attempt(stage: EventStage) -> list[Settled]:
    """One attempt at whatever is due."""
    taken = await stage.effects.take_due(10, 30_000)
    ends = [await stage.acting.act(one) for one in taken]
    settled = [end for end in ends if end is not None]
    assert await stage.effects.settle(settled) == [True] * len(settled)
    return settled


async def test_a_job_is_made_and_counted() -> None:
    stage = await staged()

    (end,) = await attempt(stage)

    (job,) = stage.jobs.made
    assert (end.ending, end.created) == (Ending.DONE, job["metadata"]["uid"])
    state = await stage.state()
    assert (state.triggered, state.succeeded, state.waiting, state.open) == (1, 1, 0, 1)


async def test_a_job_that_an_attempt_before_made_is_a_success() -> None:
    stage = await staged()
    (waiting,) = await stage.effects.take_due(10, 30_000)
    first = await stage.acting.act(waiting)

    again = await stage.acting.act(waiting)

    assert first == again
    assert len(stage.jobs.made) == 1


async def test_a_name_that_is_anothers_is_tried_again_and_given_up() -> None:
    stage = await staged(retry={"limit": 0})
    (waiting,) = await stage.effects.take_due(10, 30_000)
    made = await stage.acting.act(waiting)
    assert made is not None
    stage.jobs.made[0]["metadata"]["ownerReferences"] = []
    stage.jobs.put(stage.jobs.made[0])

    end = await stage.acting.act(waiting)

    assert end is not None
    assert (end.ending, end.reason) == (Ending.FAILED, "NameTaken")


@pytest.mark.parametrize(
    ("error", "ending"),
    [
        (ApiError(400, "bad"), Ending.FAILED),
        (ApiError(403, "denied by policy"), Ending.FAILED),
        (ApiError(413, "too large"), Ending.FAILED),
        (ApiError(422, "invalid"), Ending.FAILED),
        (ApiError(403, 'User "system:serviceaccount:a:b" cannot create'), Ending.RETRY),
        (ApiError(403, "exceeded quota: pods"), Ending.RETRY),
        (ApiError(404, "no such namespace"), Ending.RETRY),
        (ApiError(429, "slowly"), Ending.AWAY),
        (ApiError(500, "etcd"), Ending.AWAY),
        (ApiError(503, "starting"), Ending.AWAY),
        (ConnectionError("refused"), Ending.AWAY),
        (TimeoutError(), Ending.AWAY),
    ],
    ids=repr,
)
async def test_what_may_pass_is_tried_again(error: Exception, ending: Ending) -> None:
    stage = await staged()
    stage.jobs.answers = [error]

    (end,) = await attempt(stage)

    assert end.ending is ending
    assert end.message
    # what may be about this job alone does not hold up the others
    spared = stage.acting._spared_until > 0
    assert spared == (ending is Ending.AWAY and "500" not in str(error))
    if ending is not Ending.FAILED:
        assert end.wait == 3000
        stage.time.advance(3000)
        (end,) = await attempt(stage)
        assert end.ending is Ending.DONE


async def test_an_action_is_given_up_after_its_retries_and_kept() -> None:
    stage = await staged()
    stage.jobs.answers = [ApiError(404, "the namespace is not there")] * 3

    ends = []
    for _ in range(3):
        ends += await attempt(stage)
        stage.time.advance(3000)

    assert [end.ending for end in ends] == [Ending.RETRY, Ending.RETRY, Ending.FAILED]
    state = await stage.state()
    assert (state.triggered, state.succeeded, state.failed, state.waiting) == (1, 0, 1, 0)
    (letter,) = await stage.letters.listed(10)
    assert (letter.reason, letter.handler) == ("Refused", KEY)
    assert "the namespace is not there" in letter.message
    assert json.loads(letter.text)["event"]["id"] == "1"


async def test_an_api_server_that_is_away_is_waited_for_however_long() -> None:
    stage = await staged()
    stage.jobs.refusal = ConnectionError("refused")

    for _ in range(10):
        (end,) = await attempt(stage)
        assert end.ending is Ending.AWAY
        assert end.wait <= 30_000
        stage.time.advance(end.wait)
    stage.jobs.refusal = None

    # and no retry is used up by that
    stage.jobs.answers = [ApiError(404, "the namespace is not there")] * 2
    for _ in range(2):
        (end,) = await attempt(stage)
        assert end.ending is Ending.RETRY
        stage.time.advance(end.wait)
    (end,) = await attempt(stage)
    assert end.ending is Ending.DONE
    state = await stage.state()
    assert (state.triggered, state.succeeded, state.failed) == (1, 1, 0)


async def test_a_run_does_not_stand_behind_jobs_that_cannot_be_created(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actings, "POLL", 0.001)
    stage = await staged(*(event(id=str(n)) for n in range(80)))
    await stage.adopt_job()
    await stage.open(manifest(uid(2), "other.event", action=RUN_JOB, debounce={"quiet": "1s"}))
    await stage.deliver(event("other.event"))
    stage.jobs.refusal = ConnectionError("refused")
    asked = 0
    own = stage.jobs.create

    async def create(job: dict[str, Any]) -> dict[str, Any]:
        nonlocal asked
        asked += 1
        return await own(job)

    stage.jobs.create = create  # type: ignore[method-assign]
    room = asyncio.create_task(stage.acting.run())
    await soon(lambda: asked > 0)
    stage.time.advance(1_000)

    await soon(lambda: bool(stage.store.runs))

    assert asked <= actings.LIMIT, "an API server that is away is not asked by each of them"
    room.cancel()
    await asyncio.wait([room])


async def test_a_payload_that_cannot_be_made_fails_at_once() -> None:
    stage = await staged(transform="event.data.missing")

    (end,) = await attempt(stage)

    assert (end.ending, end.reason) == (Ending.FAILED, "Unpayable")
    assert "missing" in end.message
    assert (await stage.state()).failed == 1


async def test_a_run_that_waited_is_started_by_the_job_as_it_is_now() -> None:
    stage = await staged(event(), event(id="2"), action=RUN_JOB, debounce={"quiet": "1s"})
    await stage.adopt_job(payload={"version": 1})
    assert await attempt(stage) == []
    await stage.adopt_job(generation=2, payload={"version": 2})
    stage.time.advance(1000)

    (end,) = await attempt(stage)

    assert end.ending is Ending.DONE
    (run,) = stage.store.runs.values()
    assert json.loads(run.payload or "")["version"] == 2
    state = await stage.state()
    assert (state.triggered, state.succeeded, state.debounced) == (1, 1, 1)


async def test_a_run_is_started_once_though_its_attempt_is_repeated() -> None:
    stage = await staged(action=RUN_JOB, debounce={"quiet": "1s"})
    await stage.adopt_job()
    stage.time.advance(1000)
    (waiting,) = await stage.effects.take_due(10, 30_000)

    ends = [await stage.acting.act(waiting) for _ in range(2)]

    assert [end.ending for end in ends if end] == [Ending.DONE] * 2
    assert len(stage.store.runs) == 1


async def test_a_job_that_comes_later_is_run_then() -> None:
    stage = await staged(action=RUN_JOB)
    stage.time.advance(3000)
    (end,) = await attempt(stage)
    assert (end.ending, end.reason) == (Ending.RETRY, "NoSuchJob")
    await stage.adopt_job()
    stage.time.advance(3000)

    (end,) = await attempt(stage)

    assert end.ending is Ending.DONE
    assert len(stage.store.runs) == 1


async def test_a_run_that_is_skipped_is_not_tried_again() -> None:
    stage = await staged(event(), action=RUN_JOB, debounce={"quiet": "1s"})
    await stage.adopt_job(policy="Forbid", max_concurrent=1)
    await stage.open(manifest(uid(2), event="other"))
    await stage.deliver(event("other", id="9"))
    stage.time.advance(1000)

    (end,) = await attempt(stage)

    assert (end.ending, end.reason) == (Ending.SKIPPED, "Skipped")
    assert "concurrencyPolicy" in end.message
    assert await stage.letters.count() == 0


async def test_an_agent_asked_after_a_quiet_moment_is_the_handlers_own_run() -> None:
    stage = await staged(action={"dispatchAgent": {"name": "reviewer"}}, debounce={"quiet": "1s"})
    stage.time.advance(1000)

    (end,) = await attempt(stage)

    assert end.ending is Ending.DONE
    (run,) = stage.store.runs.values()
    assert run.uid == KEY


async def test_a_handler_that_became_unusable_fails_what_waits_for_it() -> None:
    stage = await staged()
    stage.adopting.observe("MODIFIED", manifest(generation=2, filter="("))
    await stage.adopting._step()

    (end,) = await attempt(stage)

    assert (end.ending, end.reason) == (Ending.FAILED, "InvalidSpec")


async def test_a_handler_that_is_not_known_yet_is_read() -> None:
    stage = await staged()
    stage.table.drop(KEY)

    (end,) = await attempt(stage)
    assert end.ending is Ending.AWAY
    assert stage.adopting.awaits(KEY)
    await stage.adopting._ask()
    await stage.adopting._step()
    stage.time.advance(1000)

    (end,) = await attempt(stage)
    assert end.ending is Ending.DONE


async def test_what_redis_interrupts_is_left_to_the_leases_end(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = await staged(action=RUN_JOB, debounce={"quiet": "1s"})
    await stage.adopt_job()
    stage.time.advance(1000)
    (waiting,) = await stage.effects.take_due(10, 30_000)

    async def away(*_: object) -> None:
        raise RedisConnectionError("away")

    with monkeypatch.context() as broken:
        broken.setattr(stage.requests, "request", away)
        assert await stage.acting._try(waiting) is None
    stage.time.advance(30_000)

    (end,) = await attempt(stage)
    assert end.ending is Ending.DONE


async def test_a_body_that_nobody_can_read_is_kept_as_a_letter() -> None:
    stage = await staged()
    (waiting,) = await stage.effects.take_due(10, 30_000)
    odd = Waiting(KEY, waiting.item, waiting.kind, "{", 1, waiting.token, waiting.since)

    end = await stage.acting.act(odd)

    assert end is not None
    assert end.ending is Ending.FAILED
    assert "cannot be read" in end.message
    assert JOB_UID not in stage.store.jobs
