"""Dead letters: what was taken out of delivery, kept until somebody looks at it; of very many the last 10,000."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter. ``kind`` is run, for a run that ended as dead, or entry, for one that nobody understands.

    ``at`` is when it was set aside (milliseconds), ``run`` the id of the run ('' for an entry), ``fields`` are what
    else is known: namespace, name, message of a run, the beginning of each field of an entry.
    """

    id: str
    kind: str
    reason: str
    at: int
    run: str
    fields: Mapping[str, str]


class Letters(Protocol):
    """The store's side of dead letters."""

    async def count(self) -> int:
        """How many there are."""
        ...

    async def listed(self, limit: int, before: str = "") -> list[Letter]:
        """The newest ones, or those before a letter's id: newest first."""
        ...

    async def get(self, letter: str) -> Letter | None:
        """One of them; None where there is none, or for a text that is no id."""
        ...

    async def drop(self, letter: str) -> bool:
        """Forget one; False where there is none."""
        ...
