"""What a run executes: the part of a job's spec that travels to the worker, stored once per generation.

The JSON form is versioned by ``v``, which grows by one at most from one minor version to the next, and only by fields
that can be passed over: whoever writes N reads everything up to N + 1. What is newer waits for a newer worker.
"""

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from kronstream.domain.retry import Retry

VERSION = 1


@dataclass(frozen=True, slots=True)
class Work:
    """One generation of a job as the worker needs it. Durations are milliseconds; ``payload`` is any JSON.

    ``function`` is the name that workers offer: of a registered function, or of a handler type (``@http``), whose block
    of the spec is ``call``. ``account`` is the service account, of the job's namespace, by which Secrets are read and
    resources made for it. ``timeout`` bounds an attempt, ``total_timeout`` all of them; one is ``expected`` to take so
    long. ``limits`` are what a run of a sync function may take: ``memory`` bytes, ``cpu_time`` milliseconds; what they
    do not name has the worker's own limit.
    """

    namespace: str
    name: str
    function: str
    payload: Any = None
    timeout: int = 300_000
    retry: Retry = field(default_factory=Retry)
    platform_id: str | None = None
    call: dict[str, Any] | None = None
    account: str = "default"
    total_timeout: int | None = None
    expected: int | None = None
    keys: tuple[dict[str, Any], ...] | None = None
    limits: dict[str, int] | None = None

    def dump(self) -> str:
        """The stored form: compact JSON."""
        fields = {name: value for name, value in asdict(self).items() if value is not None or name == "payload"}
        return json.dumps({"v": VERSION, **fields}, separators=(",", ":"))

    @classmethod
    def load(cls, text: str | bytes) -> "Work":
        """Read the stored form, of any older version, of this one or the next; raises ValueError for another or a shape
        that is none.

        A field that a newer version added, here or in its retry, is passed over: what it adds to is another handler
        type, with a name that only newer workers offer, or can be done without.
        """
        raw = json.loads(text)
        version = raw.pop("v", None) if isinstance(raw, dict) else None
        if type(version) is not int or not 1 <= version <= VERSION + 1:
            raise ValueError(f"work of version {version!r}; this worker reads up to {VERSION + 1}")
        try:
            known = {name: raw[name] for name in _FIELDS & raw.keys()}
            return cls(**{**known, "retry": Retry.load(raw["retry"])})
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"not a stored work: {error}") from error


_FIELDS = frozenset(one.name for one in fields(Work))
