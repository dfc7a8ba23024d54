"""Where Redis is, as people write it: the URL of a server, or of Sentinels that tell which server is the primary.

`redis+sentinel://[user:password@]host[:port],…/name[/db][?…]`, with `rediss` for TLS, is how redis-py's neighbours
write it. User and password are those of Redis; the Sentinels' own are `sentinel_username` and `sentinel_password`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

SCHEMES = ("redis", "rediss", "unix")
SENTINEL = "+sentinel"
SENTINEL_PORT = 26_379
MOST_SENTINELS = 32
SERVER_FORM = "redis://[user:password@]host:port/db, rediss://… for TLS, unix:///path"
SENTINEL_FORM = "redis+sentinel://[user:password@]host:26379,host:26379/name-of-the-primary/db"

# as Sentinel takes them
_NAME = re.compile(r"[A-Za-z0-9._-]{1,255}")
_HOST = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:(?P<port>[0-9]{1,5}))?")
_OWN = ("sentinel_username", "sentinel_password")


@dataclass(frozen=True)
class Sentinels:
    """Who knows where the primary called ``name`` is; ``server`` is its URL but for the host, and holds the password.

    What is written for TLS is meant for the Sentinels, too.
    """

    hosts: tuple[tuple[str, int], ...]
    name: str
    tls: bool
    server: str

    def __repr__(self) -> str:
        return f"Sentinels({self})"

    def __str__(self) -> str:
        return ", ".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.hosts)


def sentinels(url: str) -> Sentinels | None:
    """The Sentinels of a URL, None where it is a server's. Raises ValueError where it can be neither."""
    scheme, place, path, query = _split(url)
    if not scheme.endswith(SENTINEL):
        return None
    scheme = scheme.removesuffix(SENTINEL)
    login, at, hosts = place.rpartition("@")
    name, _, database = path.removeprefix("/").partition("/")
    if scheme not in ("redis", "rediss") or not _NAME.fullmatch(name):
        raise ValueError(SENTINEL_FORM)
    if database and not (database.isascii() and database.isdigit()):
        raise ValueError(SENTINEL_FORM)
    query = urlencode([(key, value) for key, value in parse_qsl(query) if key not in _OWN], quote_via=quote)
    server = f"{scheme}://{login}{at}primary/{database or 0}{'?' if query else ''}{query}"
    found = tuple(_host(host) for host in hosts.split(","))
    if len(found) > MOST_SENTINELS:
        raise ValueError(SENTINEL_FORM)
    return Sentinels(found, name, scheme == "rediss", server)


def sentinel_login(url: str) -> tuple[str, str]:
    """User and password that a URL says for the Sentinels themselves, '' where it says none."""
    said = dict(parse_qsl(_split(url)[3]))
    username, password = (said.get(key, "") for key in _OWN)
    return username, password


def checked(url: str) -> str:
    """The same URL. Raises ValueError that tells the forms, and nothing of the text: it may hold a password."""
    try:
        valid = sentinels(url) is not None or _of_server(url)
    except ValueError:
        valid = False
    if not valid:
        raise ValueError(f"write {SERVER_FORM}, or {SENTINEL_FORM}")
    return url


def with_login(url: str, username: str, password: str) -> str:
    """A URL with user and password in it, where it has none of its own."""
    scheme, place, _, _ = _split(url)
    if not (username or password) or "@" in place:
        return url
    return f"{scheme}://{quote(username, safe='')}:{quote(password, safe='')}@{url[len(scheme) + 3 :]}"


def with_sentinel_login(url: str, username: str, password: str) -> str:
    """A URL of Sentinels with their own user and password in it, where it has none; others as they are."""
    if not (username or password) or not _split(url)[0].endswith(SENTINEL) or any(sentinel_login(url)):
        return url
    more = urlencode([pair for pair in zip(_OWN, (username, password), strict=True) if pair[1]], quote_via=quote)
    return f"{url}{'&' if '?' in url else '?'}{more}"


def _split(url: str) -> tuple[str, str, str, str]:
    """Scheme, place, path and query. Newer Pythons' urlsplit takes no host before one in brackets."""
    scheme, _, rest = url.partition("://")
    rest, _, query = rest.partition("?")
    place, slash, path = rest.partition("/")
    return scheme.lower(), place, slash + path, query


def _of_server(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in SCHEMES and parts.port != 0 and (parts.scheme == "unix" or bool(parts.hostname))


def _host(text: str) -> tuple[str, int]:
    match = _HOST.fullmatch(text)
    port = int((match and match["port"]) or SENTINEL_PORT)
    if match is None or not 1 <= port <= 65_535:
        raise ValueError(SENTINEL_FORM)
    return match["host"].strip("[]"), port
