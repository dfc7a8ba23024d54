"""Single runs: run now, run again, cancel, skip the next."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kronstream.domain import keys
from kronstream.domain.depth import too_deep
from kronstream.domain.errors import Invalid
from kronstream.domain.keys import KeyLimit
from kronstream.domain.limits import Gate
from kronstream.domain.plan import upcoming
from kronstream.domain.run import Trigger, digest, run_id
from kronstream.domain.schedule import Schedule
from kronstream.domain.stored import known
from kronstream.domain.when import When
from kronstream.domain.work import Work
from kronstream.operations.refused import Refused, Why, gone
from kronstream.ports import Change, Epoch, Request, Requests, RunRecords, Stored, Word
from kronstream.resources.payload import MAX_BYTES, MAX_DEPTH

AGAIN = 5
SKIP_LIMIT = 20
NOT_GIVEN = object()


@dataclass(frozen=True, slots=True)
class Started:
    """A run that was asked for; ``known`` tells that the same was asked before, and that this is its run."""

    run: str
    known: bool = False


class Runs:
    """Every call may be repeated with the same key: it is done once."""

    def __init__(self, requests: Requests, records: RunRecords) -> None:
        self._requests = requests
        self._records = records

    async def run_now(
        self,
        uid: str,
        key: str,
        *,
        payload: Any = NOT_GIVEN,
        merge: bool = False,
        by: str = "",
        trace: str = "",
        value: str | None = None,
    ) -> Started:
        """Start a run of a job; the same ``key`` starts one run, whenever it comes again within a week.

        ``payload`` replaces the job's for this run or, with ``merge``, is merged into it (RFC 7396). ``value`` is
        that of the annotation run-now. Limits and groups of the job hold for the run, runIf does not. Raises Refused.
        """
        run = run_id(uid, Trigger.MANUAL, digest(key))
        for _ in range(AGAIN):
            stored = await self._stored(uid)
            own = None if payload is NOT_GIVEN else payload_of(stored, payload, merge=merge)
            request = Request(
                uid=uid,
                run=run,
                nominal=await self._requests.now(),
                generation=stored.generation if own is not None and merge else None,
                payload=own,
                by=by or None,
                trace=trace or None,
                value=value,
                keys=None if own is None else keys_of(stored, own),
            )
            word, detail = await self._ask(request)
            if word is not Word.MOVED:
                return _started(request, word, detail)
        raise Refused(Why.CONFLICT, "the job is being edited all the time; try again")

    async def retry(self, run: str, key: str, *, by: str = "", trace: str = "") -> Started:
        """Do an ended run again, with its payload and nominal time, by the job as it is now. Raises Refused."""
        record = await self._records.get(run)
        if record is None:
            raise gone(f"run {run}")
        own = record.payload
        request = Request(
            uid=record.uid,
            run=run_id(record.uid, Trigger.RETRY, digest(run, key)),
            nominal=record.nominal or record.dispatched,
            payload=own,
            keys=None if own is None else keys_of(await self._stored(record.uid), own),
            retry_of=run,
            by=by or None,
            trace=trace or record.trace,
        )
        return _started(request, *await self._ask(request))

    async def cancel(self, runs: Sequence[str], by: str) -> list[Change]:
        """Cancel runs: OK for one that had not started, ASKED where its handler is told, OVER, GONE."""
        return await self._requests.cancel(runs, by)

    async def next_instants(self, uid: str, number: int) -> tuple[int, ...]:
        """The next instants of a job, skipped ones included. Raises Refused."""
        stored = await self._stored(uid)
        schedule = schedule_of(stored.when)
        # what came, but is put off by the jitter, is still the next
        begin = max(stored.cursor, await self._requests.now() - stored.jitter)
        return upcoming(schedule, begin, number) if schedule is not None else ()

    async def skip_next(self, uid: str, number: int = 1) -> tuple[int, ...]:
        """Skip the next ``number`` runs that are due, at most 20; their instants. Raises Refused."""
        if not 1 <= number <= SKIP_LIMIT:
            raise Refused(Why.INVALID, f"{number} runs cannot be skipped at once; ask for 1 to {SKIP_LIMIT}")
        for _ in range(AGAIN):
            instants = await self.next_instants(uid, number)
            if not instants:
                raise Refused(Why.CONFLICT, "nothing is due next: there is no run to skip")
            answer = await self._requests.skip(uid, instants)
            if answer is Change.FULL:
                raise Refused(Why.CONFLICT, f"{SKIP_LIMIT} runs ahead are skipped already; take one back first")
            if answer is Change.GONE:
                raise gone(f"job {uid}")
            if answer is not Change.PAST:
                return instants
        raise Refused(Why.CONFLICT, "the job runs so often that its next run is due before it can be skipped; pause it")

    async def take_back(self, uid: str, instants: Sequence[int]) -> bool:
        """Skip instants no longer; False when none of them was to be skipped. Raises Refused."""
        answer = await self._requests.skip(uid, instants, undo=True)
        if answer is Change.GONE:
            raise gone(f"job {uid}")
        return answer is Change.OK

    async def _stored(self, uid: str) -> Stored:
        stored = await self._requests.stored(uid)
        if stored is None:
            raise gone(f"job {uid}")
        return stored

    async def _ask(self, request: Request) -> tuple[Word, str]:
        epoch = await self._requests.epoch()
        try:
            if epoch:
                (answer,) = await self._requests.request(epoch, [request])
                return answer
        except Epoch:
            pass
        raise Refused(Why.AWAY, "Redis was lost and is being filled from the resources; try again in a moment")


def schedule_of(when: str) -> Schedule | None:
    """The schedule of a stored text, None for a job that runs only when asked. Raises Refused for a newer version's."""
    try:
        return When.load(when).schedule() if when else None
    except (Invalid, ValueError) as fault:
        raise Refused(Why.CONFLICT, f"the schedule in force cannot be read by this version: {fault}") from None


def payload_of(stored: Stored, payload: Any, *, merge: bool) -> str:
    """The JSON text of a run's own payload. Raises Refused for one that is too large or too deep."""
    if merge and stored.work is not None and not too_deep(payload):
        payload = merged(_work(stored.work).payload, payload)
    if too_deep(payload):
        raise Refused(Why.INVALID, f"payload: is nested more than {MAX_DEPTH} levels deep; write it flatter")
    try:
        text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        size = len(text.encode())
    except (TypeError, ValueError):
        raise Refused(Why.INVALID, "payload: is not JSON; write what JSON can say") from None
    if size > MAX_BYTES:
        raise Refused(Why.INVALID, f"payload: has {size} bytes of JSON; {MAX_BYTES} are allowed")
    return text


def keys_of(stored: Stored, payload: str) -> tuple[Gate, ...]:
    """The gates of a run with a payload of its own (JSON text). Raises Refused for a key that cannot be told."""
    work = _work(stored.work) if stored.work is not None else None
    if work is None or not work.keys:
        return ()
    job = {"namespace": stored.namespace, "name": stored.name, "platformId": work.platform_id}
    try:
        return keys.gates([known(KeyLimit, raw) for raw in work.keys], job, json.loads(payload))
    except (TypeError, ValueError) as fault:
        raise Refused(Why.INVALID, f"payload: spec.limits{fault}") from None


def _work(text: str) -> Work:
    try:
        return Work.load(text)
    except ValueError as fault:
        raise Refused(Why.CONFLICT, f"the payload in force cannot be read by this version: {fault}") from None


def merged(target: Any, patch: Any) -> Any:
    """A JSON merge patch (RFC 7396) applied: maps are merged, null removes a key, anything else replaces."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def _started(request: Request, word: Word, detail: str) -> Started:
    if word is Word.KNOWN:
        word, _, detail = Word(detail.partition(":")[0]), "", detail.partition(":")[2]
        if word is Word.STARTED:
            return Started(request.run, known=True)
    if word is Word.STARTED:
        return Started(request.run)
    said = {
        Word.GONE: gone(f"job {request.uid}"),
        Word.HELD: Refused(Why.CONFLICT, "the job's spec cannot be used (Stalled); mend it first"),
        Word.LOST: gone(f"run {request.retry_of}"),
        Word.BUSY: Refused(Why.CONFLICT, f"run {request.retry_of} is not over ({detail}); cancel it or wait"),
        Word.SKIPPED: Refused(Why.CONFLICT, f"the run was skipped: {SKIPPED.get(detail, detail)}", detail),
    }
    raise said.get(word, Refused(Why.CONFLICT, "the job changed meanwhile; try again"))


SKIPPED = {
    "Overlap": "another run is not over, and concurrencyPolicy forbids a second one",
    "QueueFull": "as many runs wait for their turn as maxQueued allows",
    "Backlog": "as many runs wait for a worker as maxBacklog allows",
}
