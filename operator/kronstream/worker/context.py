"""What a handler may know of the run it executes."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from kronstream.domain.run import trigger_of
from kronstream.ports import Claim
from kronstream.worker.rulings import milliseconds

_EPOCH = datetime.fromtimestamp(0, UTC)


def moment(ms: int) -> datetime:
    """The UTC datetime of milliseconds since the epoch."""
    return datetime.fromtimestamp(ms / 1000, UTC)


@dataclass(slots=True)
class Run:
    """One attempt at a run, as its handler sees it; with defaults, so that a test can make one.

    `id` is the same for all attempts of a run: use it as an idempotency key. `nominal` is when the run was due,
    `deadline` when this attempt times out, `trigger` why the run exists (schedule, manual, event, retry, backfill).
    `cancelled` turns True just before the attempt is cancelled, `handed_back` as well when the run is not: its worker
    ends, or has lost it, and another one goes on with it. `wait` is what `retry_after` was last told, in milliseconds.
    """

    id: str = "run"
    namespace: str = "default"
    name: str = "job"
    attempt: int = 1
    max_attempts: int = 1
    nominal: datetime = _EPOCH
    deadline: datetime = _EPOCH
    platform_id: str | None = None
    trigger: str = "schedule"
    cancelled: bool = False
    handed_back: bool = field(default=False, init=False)
    wait: int | None = field(default=None, init=False)

    def retry_after(self, seconds: float) -> None:
        """Should the handler raise: wait so long before the next one, a day at most, instead of the job's backoff.

        Raises TypeError for what is not a number, ValueError for a negative or infinite one.
        """
        self.wait = milliseconds(seconds)

    @property
    def logger(self) -> logging.LoggerAdapter[logging.Logger]:
        """A logger whose lines name the job and, as JSON, carry the run's id."""
        return _RunLogger(logging.getLogger("kronstream.run"), {"run": self.id, "job": f"{self.namespace}/{self.name}"})


class _RunLogger(logging.LoggerAdapter[logging.Logger]):
    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        extra = dict(self.extra or {})
        kwargs["extra"] = {**(kwargs.get("extra") or {}), **extra}
        return f"[{extra['job']}] {msg}", kwargs


def facts(claim: Claim, deadline: int) -> dict[str, Any]:
    """What a Run is made of, as JSON; `deadline` in milliseconds since the epoch."""
    work = claim.work
    return {
        "id": claim.run,
        "namespace": work.namespace,
        "name": work.name,
        "attempt": claim.attempt,
        "max_attempts": work.retry.attempts,
        "nominal": claim.nominal,
        "deadline": deadline,
        "platform_id": work.platform_id,
        "trigger": trigger_of(claim.run).name.lower(),
    }


def run_of(raw: dict[str, Any]) -> Run:
    """The Run of such facts."""
    return Run(**{**raw, "nominal": moment(raw["nominal"]), "deadline": moment(raw["deadline"])})
