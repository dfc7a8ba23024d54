"""The header Idempotency-Key: the same request is done once and answered the same, on every replica, for a day."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.responses import Response

from kronstream.api.problem import Problem, invalid
from kronstream.domain.run import digest
from kronstream.ports.answers import LARGEST, Answers, Given

HEADER = "idempotency-key"
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
KEPT_HEADERS = ("content-type", "location", "retry-after")


@dataclass(frozen=True, slots=True)
class Keyed:
    """A request with a key: where its answer is kept, what it asks for, and by whom (a digest)."""

    place: str
    request: str
    owner: str


def keyed(headers: Mapping[str, str], caller: str, method: str, target: str, body: bytes) -> Keyed | None:
    """The key of a POST, None where it has none. Raises Problem for one that cannot be used."""
    key = headers.get(HEADER)
    if key is None or method != "POST":
        return None
    if not _KEY.fullmatch(key):
        raise invalid("Idempotency-Key", "write 1 to 255 visible ASCII characters, such as a UUID")
    request = hashlib.sha256(f"{method}\x1f{target}\x1f".encode() + body).hexdigest()
    return Keyed(digest(caller, key), request, digest(caller))


async def begun(answers: Answers, keyed: Keyed) -> Response | None:
    """The answer that was given before, None where this request is the first. Raises Problem 409."""
    known = await answers.begin(keyed.place, keyed.request)
    if known is None:
        return None
    if known.request != keyed.request:
        raise Problem(
            409, "another request came with this Idempotency-Key; write another key", [("Idempotency-Key", "is taken")]
        )
    if known.answer is None:
        raise Problem(409, "the same request is under way; ask again for its answer", headers={"Retry-After": "1"})
    headers = {**known.answer.headers, "Idempotency-Replayed": "true"}
    if not known.answer.whole:
        where = {name: text for name, text in headers.items() if name != "content-type"}
        detail = f"the same request was done before and answered {known.answer.status}; that answer was too large to be"
        raise Problem(409, f"{detail} kept: read what it made", headers=where)
    return Response(known.answer.body.encode(), known.answer.status, headers)


async def ended(
    answers: Answers, keyed: Keyed, status: int, headers: Mapping[str, str], body: bytes, *, allowed: bool
) -> None:
    """The request was answered. Of a fault, and of what needs no right, nothing is kept: they could fill the store."""
    if status >= 400 or not allowed:
        await answers.forget(keyed.place)
        return
    kept = {name: headers[name] for name in KEPT_HEADERS if name in headers}
    whole = len(body) <= LARGEST
    given = Given(status, kept, body.decode("utf-8", "replace") if whole else "", whole)
    await answers.end(keyed.place, keyed.request, given, keyed.owner)
