"""What a handler made of an event that somebody triggered, in words for people and for programs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from kronstream.domain.event import instant
from kronstream.operations.eventhandlers import Known
from kronstream.operations.listener import Listener
from kronstream.operations.making import job_name
from kronstream.operations.routing import Passed, Wish
from kronstream.operations.runs import SKIPPED
from kronstream.ports import EffectKind, Fate, FateWord


class Outcome(StrEnum):
    """What a handler made of an event.

    PLANNED: what it would do. STARTED: a run is queued. QUEUED: a router makes the job. DEBOUNCED, DELAYED: it waits.
    DUPLICATE, DROPPED: dedupe or the rate limit left it out. SKIPPED: the policy of the job did. FAILED: the action
    cannot be had; it is tried again as the handler's retry allows. FILTERED, ERROR: an expression left the event out,
    or could not be told of it. FULL, NOT_IN_FORCE: nothing was done; try again. APART: its type is meant, but the event
    is not for the handler.
    """

    PLANNED = "planned"
    STARTED = "started"
    QUEUED = "queued"
    DEBOUNCED = "debounced"
    DELAYED = "delayed"
    DUPLICATE = "duplicate"
    DROPPED = "dropped"
    SKIPPED = "skipped"
    FAILED = "failed"
    FILTERED = "filtered"
    ERROR = "error"
    FULL = "full"
    NOT_IN_FORCE = "not_in_force"
    APART = "apart"


@dataclass(frozen=True, slots=True)
class Answer:
    """What one handler made of an event; ``uid`` is the UID of the EventHandler.

    ``run`` is the id of the run that was started, ``job`` the name of the ScheduledJob that is run or made. ``before``
    tells that the same event had this effect already, by a stream or by another call.
    """

    namespace: str
    name: str
    uid: str
    priority: int
    action: str
    outcome: Outcome
    why: str = ""
    run: str | None = None
    job: str | None = None
    before: bool = False

    @property
    def matched(self) -> bool:
        """Whether the event was for the handler."""
        return self.outcome is not Outcome.APART


def passed_by(passed: Passed) -> Answer:
    """The answer of a handler whose expressions let an event pass by."""
    return _answer(passed.listener, Outcome.ERROR if passed.error else Outcome.FILTERED, passed.why)


def apart(known: Known, why: str) -> Answer:
    """The answer for a handler that was not asked."""
    uid = known.uid.partition(".")[2]
    return Answer(known.namespace, known.name, uid, known.priority, known.action, Outcome.APART, why)


def planned(wish: Wish, fault: str) -> Answer:
    """What would be done; ``fault`` says why the action cannot be had."""
    if fault:
        return _answer(wish.listener, Outcome.FAILED, fault, job=wish.listener.job)
    rules = {"dedupe": wish.dedupe, "debounce": wish.debounce, "rateLimit": wish.listener.pace}
    held = [name for name, rule in rules.items() if rule is not None]
    return _answer(wish.listener, Outcome.PLANNED, _unless(held), job=_job(wish))


def answered(wish: Wish, fate: Fate, fault: str) -> Answer:
    """The store's answer; ``fault`` says why the action cannot be had."""
    word, detail, before = fate.word, fate.detail, fate.word is FateWord.KNOWN
    if before:
        first, _, detail = detail.partition(":")
        word = FateWord(first)
    outcome, say = _SAID[word]
    if fault and word is FateWord.QUEUED:
        outcome = Outcome.FAILED  # whoever takes it finds the same
    run = detail if word is FateWord.STARTED else None
    why = fault if outcome is Outcome.FAILED and fault else say(detail)
    return _answer(wish.listener, outcome, why, run=run, job=_job(wish), before=before)


def _job(wish: Wish) -> str | None:
    """The name of the ScheduledJob that is run, or made; None where a run is the handler's own."""
    if wish.listener.kind is EffectKind.CREATE:
        return job_name(wish.listener, wish.item)
    return wish.listener.job


def _answer(
    listener: Listener, outcome: Outcome, why: str, *, run: str | None = None, job: str | None = None,
    before: bool = False,
) -> Answer:  # fmt: skip
    return Answer(
        listener.namespace, listener.name, listener.kube_uid, listener.priority, listener.action, outcome, why,
        run=run, job=job, before=before,
    )  # fmt: skip


def _unless(held: list[str]) -> str:
    return f"unless {' or '.join(held)} holds it back" if held else ""


def _until(what: str) -> Callable[[str], str]:
    def say(detail: str) -> str:
        return f"{what} {instant(int(detail))}" if detail.isdecimal() else what

    return say


def _plain(text: str) -> Callable[[str], str]:
    return lambda _: text


_SAID: dict[FateWord, tuple[Outcome, Callable[[str], str]]] = {
    FateWord.STARTED: (Outcome.STARTED, _plain("")),
    FateWord.QUEUED: (Outcome.QUEUED, _plain("a router makes it")),
    FateWord.SKIPPED: (Outcome.SKIPPED, lambda detail: SKIPPED.get(detail, detail)),
    FateWord.DUPLICATE: (Outcome.DUPLICATE, _plain("another event of its dedupe.key came within dedupe.window")),
    FateWord.DEBOUNCED: (Outcome.DEBOUNCED, _until("it waits for a quiet moment, at present until")),
    FateWord.DELAYED: (Outcome.DELAYED, _until("rateLimit lets it wait until")),
    FateWord.DROPPED: (Outcome.DROPPED, _plain("rateLimit was reached")),
    FateWord.GONE: (Outcome.FAILED, _plain("there is no job to run")),
    FateWord.HELD: (Outcome.FAILED, _plain("the spec of its job cannot be used (Stalled)")),
    FateWord.MOVED: (Outcome.FULL, _plain("the job is being edited all the time; nothing was done, try again")),
    FateWord.UNKNOWN: (
        Outcome.NOT_IN_FORCE, _plain("no router has this generation of it in force yet; nothing was done, try again"),
    ),
    FateWord.STALE: (Outcome.NOT_IN_FORCE, _plain("it was edited meanwhile; nothing was done, try again")),
    FateWord.DELETED: (Outcome.NOT_IN_FORCE, _plain("it is being deleted; nothing was done")),
    FateWord.FULL: (Outcome.FULL, _plain("as many events wait as may; nothing was done, try again")),
}  # fmt: skip
