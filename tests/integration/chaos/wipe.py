"""Redis emptied under load: what may be lost and doubled then, and what may not."""

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from integration.chaos.audit import COUNTED, Account
from integration.chaos.load import now
from integration.chaos.trial import Trial, uid_of
from integration.objects import Object

NOT_TOLD = 2  # skipped instants of a job that its status may not have told yet
EVERY = 0.3  # seconds between two looks at all counters


@dataclass(frozen=True)
class Before:
    """What was known at the instant of the loss: statuses as the API server has them, and runs not finished.

    `told` are the unfinished runs of the statuses before it and right after it, for one may have been on its way.
    """

    at: int
    statuses: dict[str, Object]
    told: frozenset[str]
    in_flight: frozenset[str]

    def faults(self, found: Iterable[Account]) -> list[str]:
        """What is wrong with the accounts after the loss."""
        checks = (self._lost, self._again, self._counters)
        return [f"{account.name}: {fault}" for account in found for check in checks for fault in check(account)]

    def _lost(self, account: Account) -> Iterable[str]:
        """Of what was due, only runs that were in flight may be lost."""
        seen = {calls[0].nominal for calls in account.calls.values()}
        missing = account.due - seen - set(account.records)
        missing -= {nominal for nominal in missing if f"{uid_of(account.job)}-s{nominal}" in self.in_flight}
        skipped = sum(account.job["status"].get("skipped", {}).values())
        if len(missing) - skipped > (NOT_TOLD if skipped else 0):
            yield f"{len(missing)} instants are lost, {skipped} skipped: {sorted(missing)[:5]}"

    def _again(self, account: Account) -> Iterable[str]:
        """Only what status tells as unfinished may run again."""
        for run, calls in account.calls.items():
            over = [call for call in calls if call.ended is not None and call.ended < self.at]
            if over and any(call.began > self.at for call in calls) and run not in self.told | self.in_flight:
                yield f"{run} had ended and was fired again"
        if older := [
            at for at in account.records if f"{uid_of(account.job)}-s{at}" not in self.told and self._told(account, at)
        ]:
            yield f"instants before the cursor in status were fired again: {older}"

    def _told(self, account: Account, nominal: int) -> bool:
        """Whether an instant was over by the job's own status, and nothing of it was in flight."""
        run = f"{uid_of(account.job)}-s{nominal}"
        return run in account.calls and account.calls[run][0].began < self.at and run not in self.in_flight

    def _counters(self, account: Account) -> Iterable[str]:
        """The counters went on from status: what they count beyond the records of now was counted before."""
        states = Counter(run.state for run in account.records.values())
        for name, state in COUNTED.items():
            carried = account.job["status"]["runs"].get(name, 0) - states[state]
            told = self.statuses[uid_of(account.job)]["runs"].get(name, 0)
            ended = sum(calls[0].began < self.at for calls in account.calls.values())
            if not told <= carried <= max(ended, told):
                yield f"{carried} runs {name} were carried over the loss; status had told {told}, {ended} had begun"


def wipe(trial: Trial) -> Before:
    """Empties Redis."""
    statuses = _statuses(trial)
    with trial.site.redis.pipeline(transaction=True) as pipe:
        pipe.zrange(trial.site.keys.unfinished, 0, -1)
        pipe.flushall()
        in_flight, _ = pipe.execute()
    at = now()
    told = {run for status in (*statuses.values(), *_statuses(trial).values()) for run in status["unfinished"]}
    return Before(at, statuses, frozenset(told), frozenset(in_flight))


def _statuses(trial: Trial) -> dict[str, Object]:
    return {uid_of(job): trial.site.objects.get(job)["status"] for job in trial.jobs}


class Counters:
    """Looks at every status again and again while entered; `fallen` tells what became smaller."""

    def __init__(self, trial: Trial) -> None:
        self.fallen: list[str] = []
        self._trial = trial
        self._last: dict[str, dict[str, int]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stop.wait(EVERY):
            for job in self._trial.jobs:
                self._compare(self._trial.site.objects.get(job))

    def _compare(self, job: Object) -> None:
        status, uid = job["status"], uid_of(job)
        numbers = {**status["runs"], **status.get("skipped", {}), "seq": status["seq"]}
        numbers.pop("total")  # with it go the active ones
        for name, before in self._last.get(uid, {}).items():
            if numbers.get(name, 0) < before:
                self.fallen.append(f"{job['metadata']['name']}: {name} fell from {before} to {numbers.get(name, 0)}")
        self._last[uid] = numbers
