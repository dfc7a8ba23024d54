"""The claims a loop process holds, from being taken until their end is accepted, each in a slot of the slate."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from kronstream.ports import Claim
from kronstream.worker.slate import Phase, Slate

log = logging.getLogger(__name__)


class Holdings:
    """Claims by token."""

    def __init__(self, slate: Slate) -> None:
        self._slate = slate
        self._free = list(range(slate.slots - 1, -1, -1))
        self._held: dict[str, tuple[Claim, int]] = {}

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[Claim]:
        return (claim for claim, _ in self._held.values())

    def __contains__(self, token: str) -> bool:
        return token in self._held

    @property
    def runs(self) -> list[str]:
        """Ids of the runs held."""
        return [claim.run for claim in self]

    def add(self, claim: Claim) -> int:
        """Hold a claim; answers its slot."""
        slot = self._free.pop()
        try:
            self._slate.put(slot, claim)
        except ValueError as error:
            log.warning("no heartbeat for %s", error)
        self._held[claim.token] = (claim, slot)
        return slot

    def ended(self, token: str) -> None:
        """The attempt of a claim ended; its outcome is still to be accepted."""
        self._slate.mark(self._held[token][1], Phase.ENDED)

    def drop(self, token: str) -> None:
        """Hold a claim no longer."""
        _, slot = self._held.pop(token)
        self._slate.clear(slot)
        self._free.append(slot)
