"""An event: what happened somewhere, in the form of CloudEvents 1.0."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kronstream.domain.expression import moment

SPEC_VERSION = "1.0"
CHAIN = "chaindepth"
"""The extension that counts how many actions lie between an event and the one that began its chain."""
CHAIN_LIMIT = 10
"""An event of this depth causes nothing more: whoever causes itself ends here."""

PSEUDO = "eh."
"""What the UID of an EventHandler begins with where the store keeps it like a job."""

_PLATFORM, _NAMESPACE, _TRACE, _PARENT = "platformid", "namespace", "traceid", "traceparent"
_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Event:
    """One CloudEvent, whichever way it came in; ``source`` and ``id`` together are its identity.

    ``data`` is any JSON, None when there is none; ``data_base64`` is what came as bytes, and then there is no ``data``.
    ``time`` is in milliseconds since 1970. ``extensions`` are the attributes beyond the specification's own.
    """

    id: str
    source: str
    type: str
    data: Any = field(default=None, repr=False)
    data_base64: str | None = field(default=None, repr=False)
    subject: str | None = None
    time: int | None = None
    datacontenttype: str | None = None
    dataschema: str | None = None
    extensions: Mapping[str, str | int | bool] = field(default_factory=dict, repr=False)

    @property
    def platform(self) -> str | None:
        """The platform or tenant that it belongs to; None: only handlers without a platform see it."""
        return self._text(_PLATFORM)

    @property
    def namespace(self) -> str | None:
        """The namespace whose handlers alone see it; None: those of every namespace."""
        return self._text(_NAMESPACE)

    @property
    def trace(self) -> str | None:
        """The trace it belongs to, as it was given: an id, or a traceparent."""
        return self._text(_TRACE) or self._text(_PARENT)

    @property
    def depth(self) -> int:
        """How many actions lie between it and the event that began its chain; 0 for one that nothing here caused."""
        value = self.extensions.get(CHAIN)
        if isinstance(value, str):
            text = value.strip()
            if not (text.isascii() and text.isdigit()):
                return 0
            # a number that is too long to read is over every limit
            return int(text) if len(text) <= _DIGITS else 10**_DIGITS
        return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0

    def dump(self) -> dict[str, Any]:
        """The structured form of CloudEvents 1.0, as JSON. Raises OverflowError for a time past the year 9999."""
        told = {
            "specversion": SPEC_VERSION,
            "id": self.id,
            "source": self.source,
            "type": self.type,
            "subject": self.subject,
            "time": None if self.time is None else instant(self.time),
            "datacontenttype": self.datacontenttype,
            "dataschema": self.dataschema,
            **self.extensions,
            "data": self.data,
            "data_base64": self.data_base64,
        }
        return {name: value for name, value in told.items() if value is not None}

    def _text(self, name: str) -> str | None:
        value = self.extensions.get(name)
        return None if value is None or value == "" else str(value)


def instant(ms: int) -> str:
    """Milliseconds since 1970 as RFC 3339 in UTC, with three decimals. Raises OverflowError past the year 9999."""
    return moment(ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")
