"""Answers that were given to requests with a key, kept so that the same request is answered the same."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

KEPT = 86_400
"""Seconds for which an answer is kept."""
LARGEST = 1_048_576
"""Bytes of a body that is kept; of a larger one it is known only that it was answered."""
MOST = 33_554_432
"""Bytes that the answers to one owner take at most: the oldest are forgotten before their time."""
BESIDE = 256
"""Bytes that an answer takes beside its text, about."""
UNDER_WAY = 60
"""Seconds after which a request that never was answered may be done again."""


@dataclass(frozen=True, slots=True)
class Given:
    """An answer as it left; ``whole`` is false where its body was too large to be kept."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Before:
    """What is known of a key: the request that it came with, and its answer once there was one."""

    request: str
    answer: Given | None


class Answers(Protocol):
    """Every replica sees the same. Raises what the store raises."""

    async def begin(self, key: str, request: str) -> Before | None:
        """A request (a digest of it) comes with a key: None when it is the first, which then is under way."""
        ...

    async def end(self, key: str, request: str, answer: Given, owner: str = "") -> None:
        """The request of an owner was answered."""
        ...

    async def forget(self, key: str) -> None:
        """The request came to nothing: the next one with this key is the first."""
        ...

    async def made(self, uid: str, namespace: str, name: str) -> None:
        """A job was made, of which a watch elsewhere may not have told yet."""
        ...

    async def whereabouts(self, uid: str) -> tuple[str, str] | None:
        """Namespace and name of a job that was made a moment ago, or that an operator has adopted."""
        ...
