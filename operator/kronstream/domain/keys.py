"""Limits by key: what runs of a job share with others of the same key, such as a customer (``spec.limits``).

A key is a template over ``payload`` and ``job`` (``template.py``), so that it is known before a run begins; the limit
holds for each text that comes out of it by itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from kronstream.domain import template
from kronstream.domain.limits import Gate, key_name
from kronstream.domain.template import Template, Values

_OTHERS = re.compile(r"\b(run|last)\.")
_NO_RUN = {
    "id": "", "trigger": "", "trace": "", "nominal": 0, "deadline": 0, "previous": None, "attempt": 1, "maxAttempts": 1,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class KeyLimit:
    """``max`` runs at a time, ``count`` begun in ``per`` milliseconds (None: no such limit), for each key by itself.

    Limits of one ``name`` in a namespace are counted together; '' means the job's own.
    """

    key: str
    name: str = ""
    max: int | None = None
    count: int | None = None
    per: int | None = None

    def dump(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def read(key: str) -> Template:
    """The template of a key. Raises ValueError with what to write instead."""
    found = template.compile(key)
    for part in found.parts:
        if not isinstance(part, str) and _OTHERS.search(part.text):
            raise ValueError(
                f"${{{part.text[:64]}}} is not known before the run begins; a key can use payload and job, "
                "like ${payload.customer}"
            )
    return found


def gates(limits: Sequence[KeyLimit], job: Mapping[str, Any], payload: Any) -> tuple[Gate, ...]:
    """The gates of a run with this payload; ``job`` has namespace, name and platformId.

    Raises ValueError for a key that cannot be told, with its place: ``[0].key: …``.
    """
    values = Values(_NO_RUN, job, payload)
    found = []
    for number, limit in enumerate(limits):
        try:
            key = read(limit.key).render(values)
        except ValueError as fault:
            raise ValueError(f"[{number}].key: {fault}") from None
        shared = f"name:{limit.name}" if limit.name else f"job:{job['name']}"
        found.append(Gate(key_name(str(job["namespace"]), shared, key), limit.max, limit.count, limit.per))
    return tuple(found)
