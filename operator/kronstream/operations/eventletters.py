"""What people do with dead letters of events: look at them, let them have their effects once more, drop them."""

from __future__ import annotations

import json
from dataclasses import replace

from kronstream.domain.event import CHAIN, Event
from kronstream.domain.outcomeevent import event_of
from kronstream.domain.run import digest
from kronstream.operations.eventhandlers import Hearers
from kronstream.operations.refused import Refused, Why, no_letter
from kronstream.operations.routing import kept
from kronstream.operations.trigger import STREAM, Trigger
from kronstream.operations.triggered import Answer, Outcome
from kronstream.ports import EventLetter, EventLetters
from kronstream.ports.eventletters import TEXT_LIMIT
from kronstream.resources.cloudevent import Unreadable, read_event

PAGE = 100
# after these nothing was stored: the letter stays
_NOTHING = frozenset({Outcome.FULL, Outcome.NOT_IN_FORCE})


class EventDeadLetters:
    """The one service for every door. ``outcomes`` is the stream in which the store tells of runs."""

    def __init__(self, letters: EventLetters, trigger: Trigger, outcomes: str) -> None:
        self._letters = letters
        self._trigger = trigger
        self._outcomes = outcomes

    async def count(self) -> int:
        """How many there are."""
        return await self._letters.count()

    async def page(self, limit: int = 20, before: str = "") -> tuple[list[EventLetter], int]:
        """The newest letters, at most 100, or those before one of them; and how many there are in all."""
        return await self._letters.listed(max(1, min(limit, PAGE)), before), await self._letters.count()

    async def show(self, letter: str) -> EventLetter:
        """One letter. Raises Refused."""
        found = await self._letters.get(letter)
        if found is None:
            raise no_letter(letter)
        return found

    async def replay(self, letter: str, handlers: Hearers, now: int | None = None) -> list[Answer]:
        """Let the event have its effects, by the handlers as they are now; the letter is gone then.

        The letter of one handler is for that handler alone, and acts once however often it is replayed. Any other
        comes again under its own identity: who acted on the event before does not do so again. A chain that was too
        long begins anew. ``now`` (ms) tells which times lie in the future. Raises Refused, also for what is no event,
        and where a handler does not want it or nothing could be done: the letter stays.
        """
        found = await self.show(letter)
        event = self._event(found, now)
        answers = await self._again(found, event, handlers)
        if answers and all(answer.outcome in _NOTHING for answer in answers):
            raise Refused(Why.AWAY, f"{answers[0].namespace}/{answers[0].name}: {answers[0].why}")
        await self._letters.drop(letter)
        return answers

    async def drop(self, letter: str) -> None:
        """Forget a letter. Raises Refused."""
        if not await self._letters.drop(letter):
            raise no_letter(letter)

    async def _again(self, letter: EventLetter, event: Event, handlers: Hearers) -> list[Answer]:
        if not letter.handler:
            outcome = letter.stream == self._outcomes
            answers = await self._trigger.fire(event, handlers, stream=letter.stream or STREAM, outcome=outcome)
            return [answer for answer in answers if answer.matched]
        answer = await self._trigger.redo(event, letter.handler, handlers, digest(letter.id, letter.handler))
        if answer.outcome in (Outcome.FILTERED, Outcome.ERROR):
            raise Refused(
                Why.CONFLICT, f"EventHandler {answer.namespace}/{answer.name} does not act on it: {answer.why}; mend "
                "the handler, or drop the letter",
            )  # fmt: skip
        return [answer]

    def _event(self, letter: EventLetter, now: int | None) -> Event:
        try:
            event = self._read(letter, now)
        except ValueError as fault:
            # a character is not cut in two
            cut = len(letter.text.encode()) > TEXT_LIMIT - 4
            said = f"only its first {TEXT_LIMIT} bytes were kept" if cut else str(fault)
            raise Refused(
                Why.INVALID, f"dead letter {letter.id} ({letter.reason}) is no event that can be used: {said}; drop it"
            ) from None
        rest = {name: value for name, value in event.extensions.items() if name != CHAIN}
        return event if letter.handler else replace(event, extensions=rest)

    def _read(self, letter: EventLetter, now: int | None) -> Event:
        """Raises ValueError. What waited is kept in a body; a run's own fields where nobody could read them."""
        if letter.stream == self._outcomes:
            fields = json.loads(letter.text)
            if not isinstance(fields, dict):
                raise Unreadable("Invalid", "it has no fields")
            if "specversion" in fields:
                return read_event(letter.text, now)
            return event_of({name: str(value) for name, value in fields.items()})
        if letter.handler and not letter.stream:
            return kept(letter.text).event
        return read_event(letter.text, now)
