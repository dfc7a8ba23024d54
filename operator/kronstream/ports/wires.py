"""Streams that others read and write: work handed out to workflow engines and agents, and their replies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from kronstream.domain.run import Lane
from kronstream.domain.work import Work
from kronstream.ports.runqueue import Claim


@dataclass(frozen=True, slots=True)
class Reply:
    """An entry of the reply stream."""

    entry: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Recall:
    """Work elsewhere whose attempt ended without it (cancelled, replaced, timed out, deleted): to be taken back."""

    run: str
    uid: str
    generation: int
    token: str
    namespace: str
    name: str
    attempt: int

    def claim(self, work: Work) -> Claim:
        """What its worker was given, as far as it names the work."""
        return Claim(
            self.run, "", self.uid, self.generation, self.attempt, 0, 1, Lane.MEDIUM, work, external=self.token
        )


class Wires(Protocol):
    """Every call may be repeated: readers of a stream know an order by its token."""

    async def publish(self, stream: str, fields: Mapping[str, str], most: int) -> bool:
        """Append an entry to a stream; False where it has so many already, which nobody reads."""
        ...

    async def replies(self, stream: str, consumer: str, count: int, block: int) -> list[Reply]:
        """Replies that no other reader has, first those that a dead reader left; blocks up to ``block`` ms."""
        ...

    async def answered(self, stream: str, entries: Sequence[str]) -> None:
        """Replies were worked on: they are gone."""
        ...

    async def recalls(self, count: int) -> list[tuple[Recall, str]]:
        """The oldest work to be taken back, and the stored form of what its run executed ('' where it is gone)."""
        ...

    async def recalled(self, recalls: Sequence[Recall]) -> None:
        """It was taken back."""
        ...

    async def bury(self, fields: Mapping[str, str], reason: str) -> None:
        """Set something that nobody understands aside, among the dead letters."""
        ...
