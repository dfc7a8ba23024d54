"""Where a request goes: the URL of a job, whose scheme its text fixes and whose host nothing put into it can change."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, urljoin

from kronstream.domain import template
from kronstream.domain.template import Template, Unfilled, Values

MAX_URL = 8_192
SHOWN = 300
EXAMPLE = "https://api.example.com/jobs/${job.name}"

_HOST = r"\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252}[A-Za-z0-9_.])?"
_WHOLE = re.compile(rf"(https?)://({_HOST})(?::([0-9]{{1,5}}))?([/?][!-~]*)?")
_PUT_INTO_HOST = re.compile(r"[A-Za-z0-9.-]*(:[0-9]{1,5})?")
_LITERAL = re.compile(r"[A-Za-z0-9\-._~:/?@!$&'()*+,;=%\[\]]*")
_BARE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_DOTS = re.compile(r"/(\.|%2e){1,2}(?=/|$)", re.IGNORECASE)
_SAFE = "".join(chr(code) for code in range(0x21, 0x7F))
_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)", re.IGNORECASE)
_QUAD = re.compile(r"(?:(?:0|[1-9][0-9]{0,2})\.){3}(?:0|[1-9][0-9]{0,2})")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host (lower case, without a final dot) and port of a URL."""

    scheme: str
    host: str
    port: int


class Target:
    """The URL of a job, read; ``compile`` makes it."""

    __slots__ = ("_template",)

    def __init__(self, found: Template) -> None:
        self._template = found

    def at(self, values: Values) -> str:
        """The URL of an attempt. Raises Unfilled for an expression that gives nothing usable.

        Into path and query everything goes percent-encoded, into the authority only what a host may consist of.
        """
        whole, authority = "", ""
        inside = True
        for put_in, text in self._template.pieces(values):
            if put_in and inside and not _PUT_INTO_HOST.fullmatch(text):
                raise Unfilled(f"{text[:64]!r} cannot stand in the host of a URL; give letters, digits, '-' and '.'")
            piece = quote(text, safe="", errors="replace") if put_in and not inside else text
            if inside:
                more, ended = _until_path(piece if authority or whole else piece.partition("://")[2])
                authority += more
                inside = not ended
            whole += piece
        if len(whole) > MAX_URL:
            raise Unfilled(f"the URL has {len(whole)} characters, and {MAX_URL} are allowed")
        fault = _fault(whole) or _odd(whole)
        if fault is not None:
            raise Unfilled(f"the URL {fault}: {shown_url(whole)}")
        scheme, rest = whole.split("://", 1)
        if _until_path(rest)[0] != authority or not str(self._template.parts[0]).startswith(f"{scheme}://"):
            raise Unfilled(f"the URL leads elsewhere than its text says: {shown_url(whole)}")
        return whole


def compile(text: str) -> Target:  # noqa: A001 - as template.compile
    """Read a URL with expressions in it; raises ValueError with what is wrong and what to write."""
    found = template.compile(text)
    first = found.parts[0] if found.parts else ""
    if not isinstance(first, str) or not first.startswith(("http://", "https://")):
        raise ValueError(f"does not begin with http:// or https://; write a URL like {EXAMPLE}")
    for literal in (part for part in found.parts if isinstance(part, str)):
        _check_literal(literal)
    # expressions stand for a digit here, which can be anywhere: what they give is judged when they give it
    sample = "".join(part if isinstance(part, str) else "1" for part in found.parts)
    if "@" in _until_path(sample.partition("://")[2])[0]:
        raise ValueError("has a user or password; give the header Authorization by headersFrom instead")
    fault = _fault(sample)
    if fault is None and (found.fixed or _until_path(first.partition("://")[2])[1]):
        fault = _odd(sample)
    if fault is not None:
        raise ValueError(f"{fault}; write a URL like {EXAMPLE}")
    return Target(found)


def origin(url: str) -> Origin:
    """Where a URL leads. Raises ValueError for a text that is none of http or https, or not written plainly."""
    found = _WHOLE.fullmatch(url)
    if found is None:
        raise ValueError("is no URL")
    scheme, host, port = found[1], found[2].strip("[]").lower().removesuffix("."), found[3]
    return Origin(scheme, host, int(port) if port else _PORTS[scheme])


def redirected(url: str, location: str) -> str:
    """Where an answer to a request to `url` leads, if that is the same host; raises ValueError with why not.

    The scheme may become https on its usual port, and never http.
    """
    # what a URL cannot hold is encoded, so that one reader finds the same host in it as another
    led = quote(urljoin(url, location.strip()).partition("#")[0], safe=_SAFE, errors="replace")
    if len(led) > MAX_URL:
        raise ValueError(f"its location has more than {MAX_URL} characters")
    try:
        before, after = origin(url), origin(led)
    except ValueError:
        raise ValueError("its location is no URL of http or https") from None
    upgraded = (before.scheme, before.port, after.scheme, after.port) == ("http", 80, "https", 443)
    if before.host != after.host or not (upgraded or before == after):
        raise ValueError(f"it leads to {after.scheme}://{after.host}:{after.port}, which is elsewhere")
    return led


def following(status: int, method: str) -> str:
    """The method with which a redirect is followed: as browsers and the Fetch standard do."""
    if status == 303:
        return method if method in ("GET", "HEAD") else "GET"
    return "GET" if status in (301, 302) and method == "POST" else method


def shown_url(url: str) -> str:
    """A URL as logs and messages show it: the values of its query left out."""
    path, mark, query = url.partition("?")
    names = "&".join(f"{each.partition('=')[0]}=…" if "=" in each else "…" for each in query.split("&"))
    text = f"{path}?{names}" if mark else path
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _check_literal(text: str) -> None:
    if "#" in text:
        raise ValueError("has a fragment, which is never sent; remove # and what follows, or write %23")
    strange = _LITERAL.sub("", text)
    if strange:
        raise ValueError(f"has {strange[0]!r}, which no URL can hold; write {quote(strange[0], errors='replace')}")
    if _BARE_PERCENT.search(text):
        raise ValueError("has a % that encodes nothing; write %25")


def _until_path(text: str) -> tuple[str, bool]:
    """What comes before the first character that ends an authority, and whether there is one."""
    found = re.search(r"[/?#\\]", text)
    return (text, False) if found is None else (text[: found.start()], True)


def _odd(url: str) -> str | None:
    """What is wrong with a host that is a number: some read 2130706433, 0x7f.1 or 0177.0.0.1 as one, some not."""
    host = origin(url).host
    if ":" not in host and _NUMBER.fullmatch(host) and not _QUAD.fullmatch(host):
        return "has a host that is neither a name nor four numbers from 0 to 255"
    return None


def _fault(url: str) -> str | None:
    found = _WHOLE.fullmatch(url)
    if found is None:
        return "has no host"
    if found[3] and not 1 <= int(found[3]) <= 65_535:
        return "has a port out of range"
    # whoever reads it might resolve them, and so leave the path that the text fixes
    return "has a . or .. in its path" if _DOTS.search((found[4] or "").partition("?")[0]) else None
