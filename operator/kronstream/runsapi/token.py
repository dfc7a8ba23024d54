"""Where a list goes on: the text that a caller gives back as `continue`."""

import base64
import json
from dataclasses import dataclass

from kronstream.ports import JobName, Place
from kronstream.runsapi.refusal import Refusal

FORM = 1
MOST = 1_024


@dataclass(frozen=True, slots=True)
class Token:
    """The job up to which everything was told (``place`` None), or in the middle of which the list goes on.

    ``since`` is when that job's list was begun, in milliseconds: a run that ended later was told before as one that is
    not over.
    """

    job: JobName
    place: Place | None = None
    since: int = 0

    def text(self) -> str:
        """The form in which it is given away."""
        place = None if self.place is None else [self.place.ended, self.place.run]
        values = [FORM, self.job.namespace, self.job.name, self.job.uid, place, self.since]
        return base64.urlsafe_b64encode(json.dumps(values, separators=(",", ":")).encode()).decode()

    @classmethod
    def read(cls, text: str, namespace: str | None) -> "Token":
        """Raises Refusal for a text that no list of this namespace (None: of all) has given away."""
        found = _values(text) if len(text) <= MOST else None
        if found is None or namespace not in (None, found.job.namespace):
            raise Refusal("BadRequest", "continue: is not what a list of these gave; leave it out to begin anew")
        return found


def _values(text: str) -> Token | None:
    try:
        form, namespace, name, uid, place, since = json.loads(base64.urlsafe_b64decode(text.encode()))
        texts = (namespace, name, uid)
        if form == FORM and all(isinstance(part, str) and part.isprintable() for part in texts) and type(since) is int:
            return Token(JobName(*texts), None if place is None else _place(*place), since)
    except (ValueError, TypeError, RecursionError):
        pass
    return None


def _place(ended: object, run: object) -> Place:
    if not isinstance(run, str) or not (ended is None or type(ended) is int):
        raise TypeError
    return Place(ended, run)
