"""Streams of events, which others write and may read, too."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

FIELD = "event"
"""The field of an entry that holds the event, as structured JSON."""
LONGEST = 65_537
"""Characters of a field that are given; more than an event may have, so that one that was cut is too large."""
MOST_FIELDS = 16


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a stream as it was delivered, for the ``deliveries``-th time.

    Of each of the first 16 fields the first 65,537 characters are given. A field that is not UTF-8 begins with U+FFFD,
    so that nobody takes it for JSON.
    """

    stream: str
    id: str
    fields: Mapping[str, str] = field(repr=False)
    deliveries: int = 1


@dataclass(frozen=True, slots=True)
class Lag:
    """How far the readers of a stream are.

    ``waiting`` entries were not delivered yet; None where the server cannot tell, because entries were deleted.
    ``oldest`` is when the first of those was added (ms), None where there is none. ``last`` is the id up to which all
    was delivered; ``pending`` entries were, and are not acknowledged.
    """

    waiting: int | None
    oldest: int | None
    last: str
    pending: int = 0


class StreamFault(Exception):  # noqa: N818 - a verdict on a stream
    """A stream that cannot be read or written; the text is for people."""

    def __init__(self, stream: str, message: str) -> None:
        super().__init__(message)
        self.stream = stream


class GroupLost(StreamFault):
    """The stream, or the readers' group of it, is gone: join again, from the last id that is known."""


class LogAway(Exception):  # noqa: N818 - a verdict on the server
    """Nothing can be appended now: the server does not answer, is full, or may not be written; try again later."""


class EventLog(Protocol):
    """One group of readers on any number of streams. What was read and not acknowledged is read again by somebody."""

    async def append(self, stream: str, texts: Sequence[str]) -> list[str]:
        """Add events (structured JSON), all or none; their entries' ids.

        Raises StreamFault, and LogAway, after which they may have been added all the same.
        """
        ...

    async def join(self, stream: str, start: str) -> None:
        """See to it that the group exists; one that does not begins after ``start``: ``$`` for what comes from now on,
        ``0`` for all, or an id. The stream is made where there is none.

        Where the stream was lost and has no such id yet, all that was added since counts. Raises StreamFault, also for
        the stream in which the store has runs.
        """
        ...

    async def read(self, streams: Sequence[str], consumer: str, count: int, block_ms: int) -> list[Entry]:
        """Entries that nobody has, up to ``count`` of each stream; waits for the first up to ``block_ms`` ms.

        Raises StreamFault (GroupLost), which names the stream: the others can be read without it.
        """
        ...

    async def pending(self, stream: str, consumer: str, count: int) -> list[Entry]:
        """What this consumer was given and did not acknowledge, oldest first: after a restart, or a lost reply.

        Raises as ``read``.
        """
        ...

    async def reclaim(self, stream: str, consumer: str, idle_ms: int, count: int) -> list[Entry]:
        """Entries that other consumers were given at least ``idle_ms`` ago and did not acknowledge; they are this one's
        now. Raises as ``read``.
        """
        ...

    async def hold(self, stream: str, consumer: str, ids: Sequence[str]) -> None:
        """Entries that this consumer has are still worked on: nobody takes them over for a while. It counts as no
        delivery; of what was acknowledged meanwhile nothing comes back. Raises as ``read``.
        """
        ...

    async def ack(self, stream: str, ids: Sequence[str]) -> None:
        """Entries were worked on: nobody gets them again. They stay in a stream of others; those of the store's own
        outcomes are deleted. A stream or a group that is gone is no error.
        """
        ...

    async def lag(self, stream: str) -> Lag:
        """How far the group is. Raises as ``read``."""
        ...

    async def backlog(self, stream: str) -> int:
        """Entries that the group has not worked on; all of the stream where that cannot be told. Raises StreamFault,
        LogAway.
        """
        ...

    async def leave(self, streams: Sequence[str], consumer: str) -> None:
        """This consumer reads no more: it is removed where nothing is pending for it, and so is, for those that
        crashed, every other one that did nothing for an hour and has nothing pending.
        """
        ...
