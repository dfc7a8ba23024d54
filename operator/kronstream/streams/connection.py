"""Connections to Redis, and whether the server may be dispatched into."""

from typing import Any

from redis.asyncio import BlockingConnectionPool, Connection, Redis, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.sentinel import SentinelManagedConnection, SentinelManagedSSLConnection
from redis.connection import HiredisRespSerializer
from redis.exceptions import NoPermissionError, RedisError

from kronstream.streams.fitness import fleeting, unfit
from kronstream.streams.sentinel import primary_pool

SOCKET_TIMEOUT = 5.0


class Unsuitable(RedisError):  # noqa: N818 - a verdict on the server
    """The server answers but must not be used; the text says what to change. It is waited for like one that is away."""


class _Packed:
    """Writes commands by hiredis, as redis-py's blocking connections do: scripts here have thousands of arguments."""

    _serializer = HiredisRespSerializer()

    def pack_command(self, *args: Any) -> list[bytes]:
        packed: list[bytes] = self._serializer.pack(*args)
        return packed


class _PackedConnection(_Packed, Connection): ...


class _PackedSSLConnection(_Packed, SSLConnection): ...


class _PackedUnixConnection(_Packed, UnixDomainSocketConnection): ...


class _PackedPrimaryConnection(_Packed, SentinelManagedConnection): ...


class _PackedPrimarySSLConnection(_Packed, SentinelManagedSSLConnection): ...


_PRIMARY: dict[bool, type] = {False: _PackedPrimaryConnection, True: _PackedPrimarySSLConnection}
_PACKED: dict[type, type] = {
    Connection: _PackedConnection,
    SSLConnection: _PackedSSLConnection,
    UnixDomainSocketConnection: _PackedUnixConnection,
}


def connect(url: str, *, connections: int = 8, timeout: float = SOCKET_TIMEOUT) -> Redis:
    """A client that never repeats a command by itself (only idempotent scripts may be) and waits for a free connection.

    ``timeout`` seconds bound every reply; a blocking read needs a client whose timeout is longer than its block. Of a
    URL of Sentinels it leads to the primary, whichever that is.
    """
    options: dict[str, Any] = {
        "max_connections": connections,
        "timeout": timeout,
        "socket_timeout": timeout,
        "socket_connect_timeout": 2.0,
        "retry": None,
        "retry_on_error": [],
        "decode_responses": True,
        "health_check_interval": 0,
    }
    pool: BlockingConnectionPool | None = primary_pool(url, _PRIMARY, **options)
    if pool is None:
        pool = BlockingConnectionPool.from_url(url, **options)
        pool.connection_class = _PACKED[pool.connection_class]
    return Redis(connection_pool=pool)


async def verify(redis: Redis) -> str:
    """Raise Unsuitable for a server that must not be used; answers what one that may would lose, '' for nothing."""
    try:
        info = await redis.info()
    except NoPermissionError as error:
        raise Unsuitable(f"the ACL user may not run INFO: add +info to its rights ({error})") from error
    if fault := unfit(info):
        raise Unsuitable(fault)
    return fleeting(info)
