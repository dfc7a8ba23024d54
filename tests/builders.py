"""Builders of what tests are made of; every value has a plain default."""

import time
from typing import Any

from kronstream.domain.retry import Retry
from kronstream.domain.run import State
from kronstream.domain.work import Work
from kronstream.ports import Adoption, Claim, Dispatch, Outcome, WorkerCard

UID = "0b5c3c6e-5d0c-4a8e-9f0a-2d7e3a1c9b11"
REVISION = "0001.2026f"
WHEN = '{"every":1000,"anchor":0}'


def now() -> int:
    return time.time_ns() // 1_000_000


def work(**fields: Any) -> Work:
    return Work(**{"namespace": "default", "name": "job", "function": "echo", "retry": Retry(initial=1), **fields})


def adoption(uid: str = UID, **fields: Any) -> Adoption:
    defaults: dict[str, Any] = {
        "uid": uid,
        "namespace": "default",
        "name": "job",
        "generation": 1,
        "revision": REVISION,
        "when": WHEN,
        "cursor": now() - 10_000,
        "work": work(**fields.pop("work_fields", {})).dump(),
    }
    return Adoption(**{**defaults, **fields})


def dispatch(cursor: int, *due: int, uid: str = UID, **fields: Any) -> Dispatch:
    defaults: dict[str, Any] = {"generation": 1, "revision": REVISION, "to": due[-1] if due else cursor}
    return Dispatch(uid=uid, cursor=cursor, due=tuple(due), **{**defaults, **fields})


def card(consumer: str = "worker-1", **fields: Any) -> WorkerCard:
    return WorkerCard(
        **{
            "consumer": consumer,
            "incarnation": f"{consumer}-a",
            "queues": {"default": 10},
            "functions": ("echo",),
            **fields,
        }
    )


def success(claim: Claim, **fields: Any) -> Outcome:
    return Outcome(
        **{
            "run": claim.run,
            "token": claim.token,
            "state": State.SUCCESS,
            "duration": 5,
            "result": '{"ok":true}',
            "generation": claim.generation,
            "nominal": claim.nominal,
            **fields,
        }
    )
