"""Lists of execution records, from indexes: jobs by namespace and name, the runs of a job, a page at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from kronstream.domain.run import State
from kronstream.ports.records import Execution

EVERY_STATE = frozenset(State)


@dataclass(frozen=True, slots=True, order=True)
class JobName:
    """An adopted job; they are listed in this order."""

    namespace: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run stands in the list of its job: those that are not over (``ended`` None, the highest id first), then
    the others, the last one to end (milliseconds) first."""

    ended: int | None
    run: str

    def precedes(self, other: "Place") -> bool:
        """Whether it is listed before another place of the same job."""
        if self.ended is None or other.ended is None:
            return self.ended is None and (other.ended is not None or self.run > other.run)
        return (self.ended, self.run) > (other.ended, other.run)


class Listing(Protocol):
    """Reads indexes and records; no call costs more than what it returns and what it is asked about."""

    async def now(self) -> int:
        """The store's clock in milliseconds."""
        ...

    async def jobs(self, namespace: str | None, after: JobName | None, limit: int) -> list[JobName]:
        """The next jobs of a namespace (None: of all) in order: adopted ones, and deleted ones of whose history
        something is left."""
        ...

    async def jobs_named(self, namespace: str, name: str) -> list[JobName]:
        """Those of one name: of several one is adopted, the others were deleted."""
        ...

    async def job_named(self, namespace: str, name: str) -> str | None:
        """The UID of the adopted job of that name."""
        ...

    async def marks(self, uids: Sequence[str]) -> list[int | None]:
        """A number for each job that grows whenever one of its runs comes, starts, or ends; None for one not known."""
        ...

    async def places(
        self, asked: Sequence[tuple[str, Place | None]], limit: int, states: frozenset[State] = EVERY_STATE
    ) -> list[list[Place]]:
        """For each (job's uid, place): the places that follow in the list of that job (None: from its beginning).

        Of runs that cannot be in one of ``states`` some may be left out, and all of those that are over.
        """
        ...

    async def read(self, runs: Sequence[str], *, whole: bool) -> list[Execution | None]:
        """The records of runs; without ``whole``, payload, result, output and progress are left out."""
        ...
