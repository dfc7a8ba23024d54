"""Calls of the HTTP API over one connection that is kept."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kronstream import __version__
from kronstream.cli.client.exits import Exit, Failure

if TYPE_CHECKING:
    from http.client import HTTPConnection

BASE = "/api/v1/scheduler"
TIMEOUT = 35.0
"""Seconds without an answer; the API gives up after 30."""
TRIES = 4
LONGEST_PAUSE = 5.0
PAGE = 500
MAX_BYTES = 256 * 1024 * 1024
AGAIN = frozenset({429, 503})
JSON = "application/json"

Query = Mapping[str, str | int | bool | None]


@dataclass(frozen=True)
class Target:
    """Where the API is: `url` with its base path; `host` is the name in its certificate where that is another."""

    scheme: str
    address: str
    port: int
    base: str = BASE
    ca_file: str | None = None
    host: str = ""

    @property
    def url(self) -> str:
        """As people write it."""
        address = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.scheme}://{address}:{self.port}{self.base}"


@dataclass(frozen=True)
class Answer:
    """A good answer: its status, header fields by small letters, and the value of its JSON (None: no body)."""

    status: int
    headers: Mapping[str, str]
    value: Any


class Api:
    """One caller's connection. `namespace` is that of names that say none; a token is sent, and told nobody."""

    def __init__(
        self, target: Target, token: str = "", namespace: str = "default", pause: Callable[[float], None] = time.sleep
    ) -> None:
        self.target = target
        self.namespace = namespace
        self._token = token
        self._pause = pause
        self._connection: HTTPConnection | None = None

    def close(self) -> None:
        """Ends the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def get(self, path: str, query: Query | None = None, *, about: str = "") -> Any:
        """The value of a GET."""
        return self.call("GET", path, query, about=about).value

    def post(
        self, path: str, body: Any = None, query: Query | None = None, *, about: str = "", media: str = JSON
    ) -> Any:
        """The value of a POST; it is done once, however often it has to be sent. `media` is the body's type."""
        return self.call("POST", path, query, body, about=about, media=media).value

    def delete(self, path: str, *, about: str = "") -> None:
        """DELETE."""
        self.call("DELETE", path, about=about)

    def rows(self, path: str, query: Query | None = None, limit: int = PAGE) -> tuple[list[Any], int]:
        """The first rows of a list, page by page, and how many there are in all."""
        found: dict[Any, Any] = {}
        offset, total = 0, 0
        while len(found) < limit:
            page = {**(query or {}), "limit": min(PAGE, limit - len(found)), "offset": offset}
            answer = self.call("GET", path, page)
            if not isinstance(answer.value, list):
                raise Failure(Exit.FAILED, f"{self.target.url}{path} answered no list; is --server a kronstream API?")
            offset += len(answer.value)
            # a row that comes again, because others came before it meanwhile, is one row
            found |= {
                row["id"] if isinstance(row, dict) and "id" in row else offset + at: row
                for at, row in enumerate(answer.value)
            }
            total = _number(answer.headers.get("x-total-count"), offset)
            if not answer.value or offset >= total:
                break
        return list(found.values())[:limit], max(total, len(found))

    def call(
        self, method: str, path: str, query: Query | None = None, body: Any = None, *, about: str = "",
        media: str = JSON,
    ) -> Answer:  # fmt: skip
        """A good answer. Raises Failure: of a fault that is told, or after some tries where nothing answers."""
        from kronstream.cli.client.problem import failure

        headers, data = self._headers(method), None
        if body is not None:
            data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
            headers["Content-Type"] = media
        for left in reversed(range(TRIES)):
            status, fields, raw = self._sent(method, self.target.base + path + _query(query), data, headers, left)
            if status in AGAIN and left:
                self._pause(min(LONGEST_PAUSE, _number(fields.get("retry-after"), 1)))
            elif status:
                break
        value = _value(raw)
        if 200 <= status < 300:
            return Answer(status, fields, value)
        raise failure(status, value, self.target.url, about)

    def _headers(self, method: str) -> dict[str, str]:
        headers = {"Accept": "application/json", "User-Agent": f"kronstream/{__version__}"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if method == "POST":
            headers["Idempotency-Key"] = str(uuid.uuid4())
        return headers

    def _sent(
        self, method: str, target: str, data: bytes | None, headers: dict[str, str], left: int
    ) -> tuple[int, dict[str, str], bytes]:
        """Status (0: lost, to be sent again), header fields and body."""
        from http.client import HTTPException

        fresh = self._connection is None
        try:
            connection = self._connection or self._connect()
            self._connection = connection
            connection.request(method, target, data, headers)
            response = connection.getresponse()
            raw = response.read(MAX_BYTES)
            return response.status, {name.lower(): text for name, text in response.getheaders()}, raw
        except (OSError, HTTPException) as error:
            self.close()
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                said = f"the certificate of {self.target.url} is not trusted ({_why(error)}); write --ca-file FILE"
                raise Failure(Exit.UNREACHABLE, said) from None
            # refused at the first is told at once; what was kept and is gone, or got lost on its way, is sent again
            if (
                left
                and not isinstance(error, TimeoutError)
                and not (fresh and isinstance(error, ConnectionRefusedError))
            ):
                return 0, {}, b""
            raise Failure(Exit.UNREACHABLE, f"no answer from {self.target.url} ({_why(error)}); {HOW}") from None

    def _connect(self) -> HTTPConnection:
        from http.client import HTTPConnection

        target = self.target
        if target.scheme == "http":
            return HTTPConnection(target.address, target.port, timeout=TIMEOUT)
        from kronstream.cli.client.secure import secured

        return secured(target, TIMEOUT)


HOW = "is it running, and --server (KRONSTREAM_SERVER) right?"


def segment(text: str) -> str:
    """A text as one segment of a path."""
    from urllib.parse import quote

    return quote(text, safe=":")


def _query(query: Query | None) -> str:
    given = {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in (query or {}).items()
        if value not in (None, "")
    }
    if not given:
        return ""
    from urllib.parse import urlencode

    return f"?{urlencode(given)}"


def _value(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return None


def _number(text: str | None, default: int) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() else default


def _why(error: BaseException) -> str:
    said = str(error) if "SSL" in type(error).__name__ else getattr(error, "strerror", None) or str(error)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
