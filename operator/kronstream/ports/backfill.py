"""A backfill: runs for instants of the past, at a pace."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backfill:
    """Runs of job ``uid`` for its instants in (``begin`` - 1, ``end``]; instants and durations are milliseconds.

    ``when`` is the normalised text of the schedule it was begun with, ``cursor`` the last instant that got its run,
    ``interval`` the least time between two starts, ``concurrent`` how many of its runs may be unfinished at a time,
    ``total`` how many instants there are. ``state`` is running, done or cancelled.
    """

    id: str
    uid: str
    when: str
    begin: int
    end: int
    cursor: int
    interval: int
    concurrent: int
    total: int
    by: str = ""
    state: str = "running"
    started: int = 0
    succeeded: int = 0
    failed: int = 0
    created: int = 0
    finished: int | None = None
