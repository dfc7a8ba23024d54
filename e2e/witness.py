"""What handlers saw, read from the stream that `handlers.py` writes."""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import redis

STREAM = "e2e:witness"


@dataclass
class Seen:
    """Of one job: how often each run began and ended, by nominal time in milliseconds, and which Pods executed it."""

    began: Counter[int] = field(default_factory=Counter)
    ended: Counter[int] = field(default_factory=Counter)
    pods: set[str] = field(default_factory=set)


class Witness:
    """Reads on where it stopped; what it read stays. `connect` is called anew when Redis was away."""

    def __init__(self, connect: Callable[[], redis.Redis]) -> None:
        self._connect = connect
        self._client = connect()
        self._last = "-"
        self._jobs: defaultdict[str, Seen] = defaultdict(Seen)

    def jobs(self) -> dict[str, Seen]:
        """By the job's name, up to now."""
        try:
            entries: Any = self._client.xrange(STREAM, min=self._last)
        except redis.ConnectionError:
            self._client = self._connect()
            entries = self._client.xrange(STREAM, min=self._last)
        for entry, fields in entries:
            seen = self._jobs[fields["job"]]
            told = seen.began if fields["event"] == "began" else seen.ended
            told[int(fields["nominal"])] += 1
            seen.pods.add(fields["pod"])
            self._last = f"({entry}"
        return dict(self._jobs)
