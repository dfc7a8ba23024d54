"""What the handlers saw, read from the file of `witness_handlers.py`."""

import json
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True)
class Call:
    """One attempt as its handler saw it; instants are milliseconds.

    `ended` is None when it failed or was stopped, `left` when its process was killed.
    """

    run: str
    nominal: int
    attempt: int
    began: int
    ended: int | None = None
    left: int | None = None
    worker: str = ""
    pid: int = 0

    @property
    def uid(self) -> str:
        """The job's."""
        return self.run.rpartition("-")[0]


class Witness:
    """The file and what stands in it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def clear(self) -> None:
        """Forgets everything; a handler that still runs makes a new file."""
        self.path.unlink(missing_ok=True)

    def count(self) -> int:
        """How many attempts began."""
        return self.path.read_bytes().count(b'"began"') if self.path.exists() else 0

    def calls(self) -> dict[str, list[Call]]:
        """All attempts by run, in the order in which they began."""
        if not self.path.exists():
            return {}
        found: dict[str, list[Call]] = defaultdict(list)
        for line in self.path.read_text().splitlines():
            said = json.loads(line)
            calls = found[said["run"]]
            if said["event"] == "began":
                begun = Call(said["run"], said["nominal"], said["attempt"], said["at"])
                calls.append(replace(begun, worker=said["worker"], pid=said["pid"]))
            else:
                # of two attempts with one number, the one that began first; none when it began in an earlier trial
                same = (said["attempt"], said["pid"])
                told = [i for i, one in enumerate(calls) if (one.attempt, one.pid) == same and one.left is None]
                for index in told[:1]:
                    calls[index] = replace(calls[index], **{said["event"]: said["at"]})
        return {run: calls for run, calls in found.items() if calls}
