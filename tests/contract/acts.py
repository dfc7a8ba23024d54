"""What the contract tests do again and again."""

from builders import UID, adoption, card, dispatch, now, success
from contract.stores import EPOCH, Store
from kronstream.domain.run import Reason, State, Trigger, digest, run_id
from kronstream.ports import Adopted, Claim, Execution, Failure, JobState, Outcome, Request, Verdict, Word


async def adopted(store: Store, uid: str = UID, **fields: object) -> int:
    """Adopt a job; its cursor."""
    fields.setdefault("cursor", store.now() - 10_000)
    (answer,) = await store.ledger.adopt([adoption(uid, **fields)])
    assert isinstance(answer, Adopted)
    return answer.cursor


async def dispatched(store: Store, count: int = 1, uid: str = UID, **fields: object) -> list[int]:
    """Adopt a job and dispatch its instants of the last seconds; their nominal times."""
    cursor = await adopted(store, uid, **fields)
    instants = [cursor + 1000 * (number + 1) for number in range(count)]
    assert await store.ledger.dispatch(EPOCH, [dispatch(cursor, *instants, uid=uid)]) == [(Verdict.OK, 0)]
    return instants


async def more(store: Store, count: int = 1, uid: str = UID, **fields: object) -> list[int]:
    """Dispatch the next instants of an adopted job, one after the other; their nominal times."""
    instants = []
    for _ in range(count):
        (cursor,) = await store.ledger.cursors([uid])
        assert cursor is not None
        answer = await store.ledger.dispatch(EPOCH, [dispatch(cursor, cursor + 1000, uid=uid, **fields)])
        assert answer == [(Verdict.OK, 0)]
        instants.append(cursor + 1000)
    return instants


def rid(nominal: int, uid: str = UID) -> str:
    """Run id of a scheduled run."""
    return run_id(uid, Trigger.SCHEDULE, str(nominal))


async def record(store: Store, nominal: int, uid: str = UID) -> Execution:
    """The record of a scheduled run, which must exist."""
    found = await store.records.get(rid(nominal, uid))
    assert found
    return found


async def state(store: Store, nominal: int, uid: str = UID) -> State:
    """State of a scheduled run, whose record must exist."""
    return (await record(store, nominal, uid)).state


async def job(store: Store, uid: str = UID) -> JobState:
    """State of a job, which must be known."""
    (found,) = await store.ledger.describe([uid])
    assert found
    return found


def failure(claim: Claim, **fields: object) -> Outcome:
    """A failed end of an attempt; with ``retry_in`` and RETRYING, not the last."""
    values: dict[str, object] = {
        "state": State.FAILED,
        "reason": Reason.ERROR,
        "result": None,
        "failure": Failure("ValueError", "no"),
    }
    return success(claim, **{**values, **fields})


def asked(key: str = "1", uid: str = UID, **fields: object) -> Request:
    """A run that somebody asks for."""
    values: dict[str, object] = {"nominal": now(), "by": "somebody", **fields}
    return Request(uid, run_id(uid, Trigger.MANUAL, digest(key)), **values)


async def ask(store: Store, key: str = "1", uid: str = UID, **fields: object) -> tuple[Word, str]:
    """Ask for a run; the answer."""
    (answer,) = await store.requests.request(EPOCH, [asked(key, uid, **fields)])
    return answer


async def taken(store: Store, slots: int = 10, consumer: str = "worker-1") -> list[Claim]:
    """What a worker gets."""
    return await store.queue.take(card(consumer), "default", slots)


async def ended(store: Store, *claims: Claim) -> None:
    """Runs succeed."""
    assert await store.queue.finish(card(), [success(claim) for claim in claims]) == [True] * len(claims)
