"""What a run executes: the part of a job's spec that travels to the worker, stored once per generation.

The JSON form is versioned by ``v``; a worker that reads a higher one leaves the run to a newer worker.
"""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from kronstream.domain.retry import Retry

VERSION = 1


@dataclass(frozen=True, slots=True)
class Work:
    """One generation of a job as the worker needs it. Durations are milliseconds; ``payload`` is any JSON."""

    namespace: str
    name: str
    function: str
    payload: Any = None
    timeout: int = 300_000
    retry: Retry = field(default_factory=Retry)
    platform_id: str | None = None

    def dump(self) -> str:
        """The stored form: compact JSON."""
        return json.dumps({"v": VERSION, **asdict(self)}, separators=(",", ":"))

    @classmethod
    def load(cls, text: str | bytes) -> "Work":
        """Read the stored form; raises ValueError for another version or shape."""
        raw = json.loads(text)
        version = raw.pop("v", None) if isinstance(raw, dict) else None
        if version != VERSION:
            raise ValueError(f"work of version {version!r}; this worker reads {VERSION}")
        try:
            return cls(**{**raw, "retry": Retry(**raw["retry"])})
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a stored work: {error}") from error
