"""Which streams EventHandlers may name: whose login reads them is the router's, not that of who writes a handler."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kronstream.domain.naming import some

SETTING = "KRONSTREAM_EVENT_STREAMS"
RUNS = "stream:scheduler:job.dispatch"
AGENTS = "stream:agents:dispatch"
WORKFLOWS = "stream:workflows:trigger"
REPLIES = "stream:scheduler:replies"
OWN = (RUNS, AGENTS, WORKFLOWS, REPLIES)
"""The streams, as they are called by default, by which kronstream talks with its workers, agents and workflow engines:
payloads of every namespace are in them, and tokens that end others' work."""

NO_EVENTS = "has no events but what kronstream and its workers, agents and workflow engines tell each other"
NAMED = 20


@dataclass(frozen=True, slots=True)
class Readable:
    """``closed`` are streams that are never read, ``allowed`` names or beginnings with ``*`` of those that are.

    None allowed are all but the closed ones.
    """

    closed: frozenset[str] = frozenset(OWN)
    allowed: tuple[str, ...] = ()

    @classmethod
    def of(cls, closed: Iterable[str], allowed: Iterable[str]) -> Readable:
        """Of an installation's own streams and of its setting; the default names are always closed."""
        return cls(frozenset({*OWN, *closed}), tuple(allowed))

    def refusal(self, stream: str) -> str | None:
        """Why no handler may read a stream, and what to write instead; None where it may."""
        if stream in self.closed:
            return f"{stream} {NO_EVENTS}; name another stream"
        if not self.allowed or any(covers(one, stream) for one in self.allowed):
            return None
        return (
            f"{stream} is not among the streams that handlers may name: {some(self.allowed, NAMED)}; name one of "
            f"these, or have an administrator add it to {SETTING} of the routers"
        )


def covers(pattern: str, stream: str) -> bool:
    """Whether a name, or a beginning with ``*``, means a stream."""
    return stream.startswith(pattern[:-1]) if pattern.endswith("*") else stream == pattern
