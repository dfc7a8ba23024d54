"""Dead letters of events: what could not be read, or not be acted on, kept until somebody looks; the last 5,000."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

MOST = 5_000
TEXT_LIMIT = 65_536
"""Bytes of a letter's text that are kept."""


@dataclass(frozen=True, slots=True)
class EventLetter:
    """A dead letter. ``reason`` is one word, ``message`` for people, ``at`` when it was set aside (milliseconds).

    ``stream`` and ``entry`` are where the event came from ('' for one by HTTP, or of an effect that had waited),
    ``handler`` is ``eh.<uid>`` of the handler whose action failed ('' for what nobody can read, or a chain that is too
    long). ``text`` is the event as it came; of a failed action its body, ``{"event": <structured>}``; of an entry that
    is no event the names of its fields, as a JSON list. ``id`` is given by the store.
    """

    reason: str
    message: str = ""
    at: int = 0
    stream: str = ""
    entry: str = ""
    handler: str = ""
    text: str = ""
    id: str = ""


class EventLetters(Protocol):
    """The store's side of dead letters of events."""

    async def bury(self, letters: Sequence[EventLetter]) -> None:
        """Set events aside, at the present instant where ``at`` is 0; repeated, they are there again."""
        ...

    async def count(self) -> int:
        """How many there are."""
        ...

    async def listed(self, limit: int, before: str = "") -> list[EventLetter]:
        """The newest ones, or those before a letter's id: newest first."""
        ...

    async def get(self, letter: str) -> EventLetter | None:
        """One of them; None where there is none, or for a text that is no id."""
        ...

    async def drop(self, letter: str) -> bool:
        """Forget one; False where there is none."""
        ...
