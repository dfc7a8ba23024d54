"""The one way out for requests of jobs: a session whose connections go only to addresses that were judged."""

from __future__ import annotations

import socket
import ssl
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult

from kronstream.domain.address import Allowed

CONNECTIONS = 1_000  # at a time, of one worker
CONNECT = 10.0  # seconds for a connection, its TLS included
IDLE = 4.0  # seconds a connection is kept; many servers close theirs after five

passed: ContextVar[set[str]] = ContextVar("passed")
"""The addresses that the resolver judged good for the names of the present attempt."""


class Refused(OSError):  # noqa: N818 - a verdict on an address
    """An address that no request of a job goes to; the text says which, and what would allow it."""


class Gate(AbstractResolver):
    """Resolves names to those of their addresses that requests may go to, and makes the sockets to no others."""

    def __init__(self, allowed: Allowed, names: AbstractResolver | None = None) -> None:
        self._allowed = allowed
        self._names = names or ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The good addresses of a name. Raises Refused when it has others only."""
        good: list[ResolveResult] = []
        why = f"{host} has no address"
        for found in await self._names.resolve(host, port, family):
            refusal = self._allowed.refusal(host, found["host"])
            if refusal is None:
                good.append(found)
                passed.get(set()).add(found["host"])
            else:
                why = refusal
        if not good:
            raise Refused(why)
        return good

    def socket(self, info: tuple[Any, ...]) -> socket.socket:
        """A socket for an address that is connected to next. Raises Refused.

        A URL may hold an address, which nobody resolves; and whatever a client may do between resolving and
        connecting, this is what it connects to.
        """
        family, kind, protocol, _, (address, *_) = info
        if address not in passed.get(set()):
            refusal = self._allowed.refusal(address, address)
            if refusal is not None:
                raise Refused(refusal)
        return socket.socket(family, kind, protocol)

    async def close(self) -> None:
        """Give the resolver back."""
        await self._names.close()


def open_session(gate: Gate) -> ClientSession:
    """A session that takes nothing from the environment, keeps no cookies and unpacks nothing."""
    connector = TCPConnector(
        resolver=gate,
        socket_factory=gate.socket,
        use_dns_cache=False,  # every attempt judges for itself
        limit=CONNECTIONS,
        keepalive_timeout=IDLE,
    )
    return ClientSession(
        connector=connector,
        cookie_jar=DummyCookieJar(),
        timeout=ClientTimeout(total=None, sock_connect=CONNECT),  # the attempt's timeout bounds the rest
        auto_decompress=False,
        skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
        trust_env=False,
    )


@lru_cache(maxsize=64)
def trusting(authorities: str) -> ssl.SSLContext:
    """What knows receivers by these authorities (PEM) alone. Raises ValueError for a text that is none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=authorities)
    except (ssl.SSLError, ValueError):
        raise ValueError("holds no certificates in PEM") from None
    return context
