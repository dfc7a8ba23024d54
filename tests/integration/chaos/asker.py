"""Asks for runs by the annotation, again and again: each value when the one before was handled."""

import itertools
import threading
from types import TracebackType
from typing import Self

from integration.chaos.trial import Trial, uid_of
from integration.objects import Object
from kronstream.controller.job import RUN_NOW
from kronstream.domain.run import Trigger, digest, run_id

APART = 0.5  # seconds between two values, at least
HANDLED = 20.0  # seconds until a value is told as handled, whatever is harmed


class Asker:
    """Asks while entered; `values` are those that were written, by the job's UID."""

    def __init__(self, trial: Trial, *names: str) -> None:
        self.values: dict[str, list[str]] = {}
        self.faults: list[str] = []
        self._trial = trial
        self._jobs = [trial.named(name) for name in names]
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(job,), daemon=True) for job in self._jobs]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def runs(self, job: Object) -> list[str]:
        """The runs that a job must have had for its values, in order."""
        uid = uid_of(job)
        keys = [f"annotation run-now:{uid}:{value}" for value in self.values.get(uid, ())]
        return [run_id(uid, Trigger.MANUAL, digest(key)) for key in keys]

    def _ask(self, job: Object) -> None:
        told = self.values.setdefault(uid_of(job), [])
        try:
            for number in itertools.count(1):
                value = f"value {number}"
                self._trial.site.objects.annotate(job, RUN_NOW, value)
                told.append(value)
                self._trial.site.wait(job, lambda found: found["status"].get("handledRunNow") == value, HANDLED)  # noqa: B023
                if self._stop.wait(APART):
                    return
        except AssertionError as error:
            self.faults.append(str(error))
