"""What a handler may know of the run it executes."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from kronstream.domain.run import trigger_of
from kronstream.ports import Claim
from kronstream.worker.progress import report
from kronstream.worker.rulings import milliseconds

_EPOCH = datetime.fromtimestamp(0, UTC)


def moment(ms: int) -> datetime:
    """The UTC datetime of milliseconds since the epoch."""
    return datetime.fromtimestamp(ms / 1000, UTC)


@dataclass(frozen=True, slots=True)
class LastSuccess:
    """The job's last run that succeeded: when it was due, its id, and what its handler returned.

    `result` is None, too, when the history keeps that run no more.
    """

    nominal: datetime
    run: str = "last"
    result: Any = None


@dataclass(slots=True)
class Run:
    """One attempt at a run, as its handler sees it; with defaults, so that a test can make one.

    `id` is the same for all attempts of a run: use it as an idempotency key. `nominal` is when the run was due,
    `deadline` when this attempt times out, `trigger` why the run exists (schedule, manual, event, retry, backfill).
    `previous` is when the scheduled run before this one was due, `last_success` the last run that succeeded; both are
    None where there is none. `trace_id` came with the event or the request that the run was made for.
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
    previous: datetime | None = None
    last_success: LastSuccess | None = None
    trace_id: str | None = None
    handed_back: bool = field(default=False, init=False)
    wait: int | None = field(default=None, init=False)
    _tell: Callable[[str], None] | None = field(default=None, init=False, repr=False, compare=False)

    def retry_after(self, seconds: float) -> None:
        """Should the handler raise: wait so long before the next one, a day at most, instead of the job's backoff.

        Raises TypeError for what is not a number, ValueError for a negative or infinite one.
        """
        self.wait = milliseconds(seconds)

    @property
    def remaining(self) -> float:
        """Seconds until this attempt times out; 0 when it should have."""
        return max(0.0, self.deadline.timestamp() - time.time())

    def progress(self, done: float, text: str = "", data: Any = None) -> None:
        """Note how far the run is: `done` is a share from 0 to 1, `text` says more (200 characters are kept).

        `data` is JSON of at most 1 KiB for programs that look. It can be seen at once in the run's record; of many
        calls in a second the last one counts. Never waits, may be called from any thread. Raises TypeError for what
        is not a number, ValueError for a share out of range and for data that is too much or no JSON.
        """
        told = report(done, text, data)
        if self._tell is not None:
            self._tell(told)

    @property
    def logger(self) -> logging.LoggerAdapter[logging.Logger]:
        """A logger whose lines name the job and, as JSON, carry the run's id."""
        return _RunLogger(logging.getLogger("kronstream.run"), {"run": self.id, "job": f"{self.namespace}/{self.name}"})


class _RunLogger(logging.LoggerAdapter[logging.Logger]):
    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        extra = dict(self.extra or {})
        kwargs["extra"] = {**(kwargs.get("extra") or {}), **extra}
        return f"[{extra['job']}] {msg}", kwargs


def facts(claim: Claim, deadline: int, result: str | None = None) -> dict[str, Any]:
    """What a Run is made of, as JSON; `deadline` in milliseconds since the epoch, `result` the last success's JSON."""
    work, last = claim.work, claim.last_success
    raw = {
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
    if claim.previous is not None:
        raw["previous"] = claim.previous
    if last is not None:
        raw["last_success"] = {"nominal": last.nominal, "run": last.run, "result": result}
    if claim.trace is not None:
        raw["trace_id"] = claim.trace
    return raw


def run_of(raw: dict[str, Any], tell: Callable[[str], None] | None = None) -> Run:
    """The Run of such facts; `tell` is given its progress as JSON."""
    values: dict[str, Any] = {name: moment(raw[name]) for name in ("nominal", "deadline", "previous") if name in raw}
    last = raw.get("last_success")
    if last is not None:
        result = None if last["result"] is None else json.loads(last["result"])
        values["last_success"] = LastSuccess(moment(last["nominal"]), last["run"], result)
    run = Run(**{**raw, **values})
    run._tell = tell  # noqa: SLF001 - its own maker
    return run
