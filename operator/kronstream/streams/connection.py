"""Connections to Redis, and whether the server may be dispatched into."""

from typing import Any

from redis.asyncio import BlockingConnectionPool, Connection, Redis, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.sentinel import SentinelManagedConnection, SentinelManagedSSLConnection
from redis.connection import HiredisRespSerializer
from redis.exceptions import RedisError

from kronstream.streams.sentinel import primary_pool

MINIMUM_VERSION = (7, 0)
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


async def verify(redis: Redis) -> None:
    """Raise Unsuitable for a server that is too old, evicts keys, is a replica or is still loading."""
    info = await redis.info()
    version = tuple(int(part) for part in str(info["redis_version"]).split(".")[:2])
    if version < MINIMUM_VERSION:
        raise Unsuitable(f"Redis {info['redis_version']} is too old: use Redis 7.0 or newer, or Valkey")
    if info.get("role") != "master":
        raise Unsuitable("this Redis is a replica: give the address of the primary (KRONSTREAM_REDIS_URL)")
    if info.get("loading"):
        raise Unsuitable("Redis is still loading its data")
    policy = str(info.get("maxmemory_policy", "noeviction"))
    if policy != "noeviction":
        raise Unsuitable(
            f"Redis may evict keys (maxmemory-policy {policy}): run `CONFIG SET maxmemory-policy noeviction`, "
            "and set it in redis.conf"
        )
