"""Single runs asked for, done again, cancelled, skipped: what is answered, and what is refused with which words."""

import json
from typing import Any

import pytest

from kronstream.domain.run import State, Trigger, digest, run_id
from kronstream.operations import Refused, Runs
from kronstream.operations import runs as service
from kronstream.operations.refused import Why
from kronstream.ports import Change, Epoch, Request, Stored, Word
from kronstream.testing import MemoryRecords, MemoryRequests
from unit.fakecluster import NOW, UID, manifest
from unit.office import Office

pytestmark = pytest.mark.anyio


@pytest.fixture
async def office() -> Office:
    """With one job that runs every second and has the payload {"a": 1, "b": {"c": 2}}."""
    office = Office()
    await office.adopt(manifest(payload={"a": 1, "b": {"c": 2}}))
    return office


class Answers(MemoryRequests):
    """Requests with prepared answers: what a store says whose state changes between two calls."""

    def __init__(self, office: Office) -> None:
        super().__init__(office.stage.store)
        self.words: list[tuple[Word, str]] = []
        self.changes: list[Change] = []
        self.work: str | None = None
        self.asked: list[Request] = []

    async def stored(self, uid: str) -> Stored | None:
        found = await super().stored(uid)
        if found is None or self.work is None:
            return found
        return Stored(uid, found.namespace, found.name, found.generation, found.when, found.cursor, self.work)

    async def request(self, epoch: str, requests: Any) -> list[tuple[Word, str]]:
        self.asked += requests
        return [self.words.pop(0)] if self.words else await super().request(epoch, requests)

    async def skip(self, uid: str, instants: Any, *, undo: bool = False) -> Change:
        return self.changes.pop(0) if self.changes else await super().skip(uid, instants, undo=undo)


def prepared(office: Office) -> tuple[Runs, Answers]:
    answers = Answers(office)
    return Runs(answers, MemoryRecords(office.stage.store)), answers


async def refusal(question: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        await question
    return caught.value


async def test_a_run_takes_the_jobs_payload_or_its_own(office: Office) -> None:
    plain = await office.runs.run_now(UID, "1", by="anna", trace="t")
    await office.runs.run_now(UID, "2", payload=None)
    await office.runs.run_now(UID, "3", payload={"b": {"d": 3}, "a": None}, merge=True)

    assert plain.run == run_id(UID, Trigger.MANUAL, digest("1"))
    claims = await office.take()
    assert [claim.work.payload for claim in claims] == [{"a": 1, "b": {"c": 2}}, None, {"b": {"c": 2, "d": 3}}]
    record = await office.finish(claims[0])
    assert (record.requested_by, record.trace, record.nominal, record.payload) == ("anna", "t", NOW, None)


async def test_the_same_key_is_one_run(office: Office) -> None:
    first, again = [await office.runs.run_now(UID, "k", value="v") for _ in range(2)]
    assert (first.known, again.known, again.run) == (False, True, first.run)
    assert (await office.state(UID)).run_now == "v"
    assert len(await office.take()) == 1


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ("x" * 65_535, "has 65537 bytes of JSON; 65536 are allowed"),
        (float("nan"), "is not JSON"),
        ({1, 2}, "is not JSON"),
        ("\ud800", "is not JSON"),
        (json.loads("[" * 33 + "1" + "]" * 33), "nested more than 32 levels deep"),
    ],
)
@pytest.mark.parametrize("merge", [False, True])
async def test_a_payload_that_cannot_be_carried(office: Office, payload: Any, said: str, merge: bool) -> None:
    no = await refusal(office.runs.run_now(UID, "k", payload=payload, merge=merge))
    assert no.why is Why.INVALID
    assert said in str(no)


async def test_a_patch_of_any_depth_is_refused_before_it_is_applied(office: Office) -> None:
    deep: Any = {}
    for _ in range(100_000):
        deep = {"a": deep}
    assert "levels deep" in str(await refusal(office.runs.run_now(UID, "k", payload=deep, merge=True)))


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        (["a", "b"], ["c"], ["c"]),
        ({"a": "b"}, None, None),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merging_is_that_of_rfc_7396(target: Any, patch: Any, result: Any) -> None:
    """The examples of its appendix."""
    before = json.dumps(target)
    assert service.merged(target, patch) == result
    assert json.dumps(target) == before


async def test_a_payload_of_a_newer_version_cannot_be_merged_into(office: Office) -> None:
    runs, answers = prepared(office)
    answers.work = '{"v": 99}'
    no = await refusal(runs.run_now(UID, "k", payload={}, merge=True))
    assert (no.why, "cannot be read by this version" in str(no)) == (Why.CONFLICT, True)


async def test_a_job_that_is_edited_meanwhile_is_merged_into_as_it_then_is(office: Office) -> None:
    runs, answers = prepared(office)
    answers.words = [(Word.MOVED, "2")]
    assert not (await runs.run_now(UID, "k", payload={}, merge=True)).known
    assert [item.generation for item in answers.asked] == [1, 1]
    answers.words = [(Word.MOVED, "2")] * 9
    no = await refusal(runs.run_now(UID, "other", payload={}, merge=True))
    assert "edited all the time" in str(no)
    assert len(answers.words) == 4


@pytest.mark.parametrize(
    ("word", "detail", "why", "said", "reason"),
    [
        (Word.GONE, "", Why.GONE, f"job {UID} is not known", ""),
        (Word.HELD, "", Why.CONFLICT, "mend it first", ""),
        (Word.SKIPPED, "Overlap", Why.CONFLICT, "another run is not over", "Overlap"),
        (Word.SKIPPED, "QueueFull", Why.CONFLICT, "maxQueued", "QueueFull"),
        (Word.SKIPPED, "Backlog", Why.CONFLICT, "maxBacklog", "Backlog"),
        (Word.SKIPPED, "Newer", Why.CONFLICT, "the run was skipped: Newer", "Newer"),
        (Word.KNOWN, "skipped:Overlap", Why.CONFLICT, "another run is not over", "Overlap"),
    ],
)
async def test_what_the_store_refuses_is_said(
    office: Office, word: Word, detail: str, why: Why, said: str, reason: str
) -> None:
    runs, answers = prepared(office)
    answers.words = [(word, detail)]
    no = await refusal(runs.run_now(UID, "k"))
    assert (no.why, no.reason) == (why, reason)
    assert said in str(no)


async def test_a_job_that_is_not_known(office: Office) -> None:
    for question in (
        office.runs.run_now("x", "k"),
        office.runs.skip_next("x"),
        office.runs.take_back("x", [NOW]),
        office.runs.retry("x", "k"),
    ):
        assert (await refusal(question)).why is Why.GONE


async def test_a_store_that_is_filled_again_is_asked_later(office: Office) -> None:
    office.stage.store.epoch = None
    assert (await refusal(office.runs.run_now(UID, "k"))).why is Why.AWAY


async def test_a_store_that_is_lost_between_two_calls_is_asked_later(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(_: Any, epoch: str, requests: Any) -> None:
        assert (epoch, len(requests)) == (office.stage.store.epoch, 1)
        raise Epoch

    monkeypatch.setattr(MemoryRequests, "request", lost)
    assert (await refusal(office.runs.run_now(UID, "k"))).why is Why.AWAY


async def test_an_ended_run_is_done_again_with_what_it_had(office: Office) -> None:
    first = await office.runs.run_now(UID, "k", payload=[7], trace="t")
    busy = await refusal(office.runs.retry(first.run, "r"))
    assert (busy.why, f"run {first.run} is not over (queued)" in str(busy)) == (Why.CONFLICT, True)
    (claim,) = await office.take()
    await office.finish(claim)
    office.stage.time.advance(5_000)

    again, known, other = [await office.runs.retry(first.run, key, by="ben") for key in ("r", "r", "s")]

    assert (again.known, known.known, known.run) == (False, True, again.run)
    assert other.run != again.run
    (claim, _) = await office.take()
    record = await office.finish(claim)
    assert (record.trigger, record.retry_of, record.requested_by) == (Trigger.RETRY, first.run, "ben")
    assert (record.nominal, record.payload, record.trace) == (NOW, "[7]", "t")


async def test_a_run_whose_record_goes_meanwhile_cannot_be_done_again(office: Office) -> None:
    first = await office.runs.run_now(UID, "k")
    runs, answers = prepared(office)
    answers.words = [(Word.LOST, "")]
    no = await refusal(runs.retry(first.run, "r"))
    assert (no.why, first.run in str(no)) == (Why.GONE, True)


async def test_runs_are_cancelled(office: Office) -> None:
    run = (await office.runs.run_now(UID, "k")).run
    assert await office.runs.cancel([run, "x"], "anna") == [Change.OK, Change.GONE]
    assert await office.runs.cancel([run], "anna") == [Change.OVER]
    record = await office.records.get(run)
    assert record is not None
    assert record.state is State.CANCELLED


async def test_the_next_runs_are_skipped_and_taken_back(office: Office) -> None:
    instants = (NOW + 1_000, NOW + 2_000)
    assert await office.runs.next_instants(UID, 2) == instants
    assert await office.runs.skip_next(UID, 2) == instants
    assert await office.runs.skip_next(UID, 2) == instants
    assert (await office.state(UID)).skip_next == instants
    assert await office.runs.take_back(UID, instants)
    assert not await office.runs.take_back(UID, instants)
    assert (await office.state(UID)).skip_next == ()


async def test_the_next_run_is_one_that_its_jitter_puts_off(office: Office) -> None:
    await office.adopt(manifest("put-off", every="5s", jitter="4s"))
    assert await office.runs.skip_next("put-off") == (NOW,)
    # what the jitter cannot put off until now is over, or an outage left it
    await office.adopt(manifest("put-off", generation=2, every="5s", jitter="3s"))
    office.stage.time.advance(4_000)
    assert await office.runs.next_instants("put-off", 1) == (NOW + 5_000,)


@pytest.mark.parametrize("number", [0, 21])
async def test_a_number_of_runs_that_nobody_means(office: Office, number: int) -> None:
    no = await refusal(office.runs.skip_next(UID, number))
    assert (no.why, "ask for 1 to 20" in str(no)) == (Why.INVALID, True)


async def test_more_than_may_be_skipped(office: Office) -> None:
    runs, answers = prepared(office)
    answers.changes = [Change.FULL]
    assert "take one back first" in str(await refusal(runs.skip_next(UID)))
    answers.changes = [Change.GONE]
    assert (await refusal(runs.skip_next(UID))).why is Why.GONE
    answers.changes = [Change.PAST, Change.OK]
    assert await runs.skip_next(UID) == (NOW + 1_000,)
    answers.changes = [Change.PAST] * 9
    assert "pause it" in str(await refusal(runs.skip_next(UID)))


async def test_a_job_without_a_next_run(office: Office) -> None:
    await office.adopt(manifest("other", runAt="2020-01-01T00:00:00Z"))
    no = await refusal(office.runs.skip_next("other"))
    assert (no.why, "nothing is due next" in str(no)) == (Why.CONFLICT, True)


def test_a_schedule_of_a_newer_version_is_told() -> None:
    assert service.schedule_of("") is None
    for text in ('{"cron": "61 * * * *", "zone": "UTC"}', "nonsense"):
        with pytest.raises(Refused, match="cannot be read by this version"):
            service.schedule_of(text)


async def test_a_run_with_a_payload_of_its_own_has_its_own_keys() -> None:
    office = Office()
    job = await office.adopt(
        manifest(payload={"customer": "acme"}, limits=[{"key": "${payload.customer}", "concurrency": 1}])
    )
    runs = office.runs
    for number, customer in enumerate(("acme", "acme", "other")):
        await runs.run_now(job.uid, f"key-{number}", payload={"customer": customer})
    claims = await office.take()
    assert [claim.work.payload["customer"] for claim in claims] == ["acme", "other"]
    with pytest.raises(Refused, match=r"payload: spec.limits\[0\].key: \$\{payload.customer\} cannot be told"):
        await runs.run_now(job.uid, "key-none", payload={})
