"""Connections to the primary that Sentinels name; after a failover they lead to the new one."""

from __future__ import annotations

from typing import Any

from redis.asyncio import BlockingConnectionPool
from redis.asyncio.connection import AbstractConnection, parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import MasterNotFoundError, Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

from kronstream.domain.redisurl import Sentinels, sentinel_login, sentinels

SENTINEL_TIMEOUT = 1.0  # seconds: the next one is asked, and the answer is a small one
_PLACE = ("host", "port", "connection_class")


class PrimaryPool(SentinelConnectionPool, BlockingConnectionPool):
    """A pool that waits for a free connection, and asks the Sentinels where to before it makes one.

    A connection is given up when it fails, is told READONLY, or comes back after the primary changed.
    """

    def __init__(self, of: Sentinels, manager: Sentinel, **options: Any) -> None:
        self._of = of
        super().__init__(of.name, manager, **options)  # type: ignore[no-untyped-call]

    async def get_master_address(self) -> tuple[str, int]:
        """Where the primary is. Raises RedisError that names the Sentinels."""
        try:
            host, port = await super().get_master_address()  # type: ignore[no-untyped-call]
        except MasterNotFoundError as error:
            raise MasterNotFoundError(await self._unknown()) from error
        except RedisError as error:
            raise MasterNotFoundError(f"the Sentinels ({self._of}) refuse to answer: {error}") from error
        return str(host), int(port)

    async def release(self, connection: AbstractConnection) -> None:
        """See ConnectionPool: one to a former primary is not kept."""
        if (connection.host, connection.port) != self.master_address:  # type: ignore[attr-defined]
            connection.mark_for_reconnect()  # type: ignore[no-untyped-call]
        await super().release(connection)

    async def aclose(self) -> None:
        """See ConnectionPool."""
        await super().aclose()
        await self.sentinel_manager.aclose()

    async def _unknown(self) -> str:
        """Why no primary was found: what the first Sentinel that answers says, or that none does."""
        for sentinel in self.sentinel_manager.sentinels:
            try:
                known = await sentinel.sentinel_masters()
            except (AuthenticationError, NoPermissionError) as error:
                return f"the Sentinels ({self._of}) refuse to answer: {error}"
            except (RedisError, OSError):
                continue
            if self._of.name in known:
                return f"the Sentinels ({self._of}) know no primary of {self._of.name} that is up"
            names = ", ".join(sorted(known)[:5]) or "nothing"
            return f"the Sentinels ({self._of}) do not watch {self._of.name}, but {names}: see KRONSTREAM_REDIS_URL"
        return f"none of the Sentinels answers ({self._of})"


def primary_pool(url: str, kinds: dict[bool, type], **options: Any) -> PrimaryPool | None:
    """The pool of a URL of Sentinels, None for that of a server; ``kinds`` are the connections without and with TLS."""
    of = sentinels(url)
    if of is None:
        return None
    said: dict[str, Any] = {key: value for key, value in parse_url(of.server).items() if key not in _PLACE}
    username, password = sentinel_login(url)
    manager = Sentinel(  # type: ignore[no-untyped-call]
        of.hosts,
        sentinel_kwargs={
            "username": username or None,
            "password": password or None,
            "socket_timeout": SENTINEL_TIMEOUT,
            "socket_connect_timeout": SENTINEL_TIMEOUT,
            "retry": Retry(NoBackoff(), 0),
            "ssl": of.tls,
            **{key: value for key, value in said.items() if key.startswith("ssl_")},
        },
    )
    return PrimaryPool(of, manager, connection_class=kinds[of.tls], **{**options, **said})
