"""ScheduledJobs where they are kept, as those who make and change them see it: plain objects of the API server."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol

Object = Mapping[str, Any]


class StoreWord(StrEnum):
    """Why the API server does not do it.

    EXISTS: the name is taken. GONE: there is no such object, or no such namespace. CHANGED: it is another object by
    now, or changed meanwhile. INVALID: the object itself is refused. FORBIDDEN: a quota or a policy of the cluster, or
    a right that this process lacks.
    """

    EXISTS = "exists"
    GONE = "gone"
    CHANGED = "changed"
    INVALID = "invalid"
    FORBIDDEN = "forbidden"


class StoreRefusal(Exception):  # noqa: N818 - a verdict on a request
    """The API server refused; the text is its message."""

    def __init__(self, word: StoreWord, message: str) -> None:
        super().__init__(message)
        self.word = word


class StoreAway(Exception):  # noqa: N818 - a verdict on the server
    """The API server does not answer, or has too much to do; the same may be asked again."""


class JobStore(Protocol):
    """Makes, reads, changes and deletes jobs. Every call raises StoreRefusal and StoreAway."""

    async def create(self, job: Object) -> Object:
        """The job as the server keeps it."""
        ...

    async def get(self, namespace: str, name: str) -> Object | None:
        """One job, as it is now."""
        ...

    async def change(self, namespace: str, name: str, uid: str, changes: Sequence[Mapping[str, Any]]) -> Object:
        """Apply the steps of a JSON patch (RFC 6902) to the job with this UID; the job as it is then."""
        ...

    async def delete(self, namespace: str, name: str, uid: str) -> None:
        """Delete the job with this UID; one that is gone is fine."""
        ...
