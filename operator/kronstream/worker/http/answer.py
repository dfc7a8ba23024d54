"""What came back: read within a bound, and what it means for the attempt."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from aiohttp import ClientResponse

from kronstream.domain.retry import LONGEST_WAIT, Retry, covers
from kronstream.domain.target import shown_url
from kronstream.ports import bounds
from kronstream.ports.result import Unfit, encode
from kronstream.worker.rulings import Fault

QUOTED = 500  # characters of a refused request's answer that the failure repeats
READ = 4_096  # bytes of it that are read
HEADER = 1_024  # characters of a header that are kept
TOLD = ("content-type", "location")
WORTH_A_RETRY = frozenset({408, 425, 429})
REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a request. `whole` tells whether all of its body was read.

    Hidden texts are out of it already, but not out of `redirect`: where it leads as it was said, None when nowhere.
    """

    url: str
    status: int
    reason: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    size: int = 0
    whole: bool = True
    redirect: str | None = field(default=None, repr=False)

    @property
    def line(self) -> str:
        """Status and reason: `503 Service Unavailable`."""
        return f"{self.status} {self.reason or _phrase(self.status)}".rstrip()


def succeeds(status: int, codes: Iterable[str]) -> bool:
    """Whether a status is among numbers and classes such as 2xx."""
    return any(code == str(status) or (code.endswith("xx") and code[0] == str(status)[0]) for code in codes)


async def read(response: ClientResponse, url: str, hidden: Iterable[str], *, good: bool) -> Answer:
    """An answer with as much of its body as is kept. Raises what aiohttp raises for a connection that ends."""
    limit = bounds.RESULT if good else READ
    data = bytearray()
    # packed although nobody asked for it: what is in it could have any size
    whole = response.headers.get("Content-Encoding", "identity").lower() == "identity"
    while whole and (chunk := await response.content.readany()):
        data += chunk
        whole = len(data) <= limit
    names = (*TOLD, "retry-after")
    headers = {name: masked(response.headers[name][:HEADER], hidden) for name in names if name in response.headers}
    body = masked(bytes(data[:limit]).decode("utf-8", "replace"), hidden)
    reason = masked((response.reason or "")[:64], hidden)
    redirect = response.headers.get("Location") if response.status in REDIRECTS else None
    return Answer(url, response.status, reason, headers, body, len(data), whole, redirect)


def masked(text: str, hidden: Iterable[str]) -> str:
    """A text without the hidden ones, also as JSON would write them: a service may repeat what it was sent."""
    for secret in sorted(hidden, key=len, reverse=True):
        text = text.replace(secret, "***")
        quoted = json.dumps(secret)[1:-1]
        if quoted != secret:
            text = text.replace(quoted, "***")
    return text


def result_of(answer: Answer) -> dict[str, Any]:
    """The result of a success: status, headers and body, as JSON where it is some; only marked when it is too large."""
    headers = {name: value for name, value in answer.headers.items() if name in TOLD}
    kept: dict[str, Any] = {"status": answer.status, "headers": headers}
    if answer.whole and not answer.body:
        return kept
    if answer.whole:
        for body in _readings(answer):
            found = {**kept, "body": body}
            try:
                encode(found)
            except Unfit:
                continue
            return found
    return {**kept, "truncated": True}


def _readings(answer: Answer) -> Iterable[Any]:
    """The body as JSON, if it says so and is, then as text."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json" or kind.endswith("+json"):
        with contextlib.suppress(ValueError, RecursionError):
            yield json.loads(answer.body)
    yield answer.body


def failure_of(answer: Answer, retry: Retry, now: int, unfollowed: str = "") -> Fault:
    """The failure that an answer is; `now` in milliseconds since the epoch, `unfollowed` why it was not followed."""
    code = f"http:{answer.status}"
    message = f"{answer.line} from {shown_url(answer.url)}"
    if unfollowed:
        message += f": it redirects to {shown_url(answer.headers['location'])}, and {unfollowed}"
    elif answer.body.strip():
        message += f": {' '.join(answer.body[:QUOTED].split())}"
    final = 300 <= answer.status < 500 and answer.status not in WORTH_A_RETRY
    named = any(covers(name, code) for name in retry.only_on)
    wait = retry_after(answer.headers.get("retry-after"), now)
    return Fault("HttpStatus", message, codes=(code,), permanent=final and not named, wait=wait)


def retry_after(text: str | None, now: int) -> int | None:
    """The milliseconds that a Retry-After asks for, in seconds or as an HTTP date; None for none, or nonsense."""
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(int(text[:12]) * 1000, LONGEST_WAIT)
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return min(max(int(date.timestamp() * 1000) - now, 0), LONGEST_WAIT)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
