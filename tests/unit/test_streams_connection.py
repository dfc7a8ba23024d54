"""Commands are packed as redis-py packs them, whatever the address is."""

import pytest
from redis.asyncio import BlockingConnectionPool, Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.sentinel import SentinelManagedConnection, SentinelManagedSSLConnection

from kronstream.api.server import counters
from kronstream.domain.redisurl import sentinels
from kronstream.streams.connection import connect
from kronstream.streams.sentinel import PrimaryPool

COMMANDS = [
    ("PING",),
    ("SCRIPT LOAD", "return 1"),
    ("EVALSHA", "digest", 1, "key", "ä", b"\x00\r\n", 12, 0.5, ""),
]


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("redis://localhost:1/0", Connection),
        ("rediss://localhost:1/0", SSLConnection),
        ("unix:///nowhere.sock", UnixDomainSocketConnection),
        ("redis+sentinel://localhost:1,localhost:2/main/0", SentinelManagedConnection),
        ("rediss+sentinel://localhost:1/main", SentinelManagedSSLConnection),
    ],
)
def test_every_kind_of_address(url: str, kind: type[Connection]) -> None:
    client = connect(url)
    pool = client.connection_pool
    assert isinstance(pool, BlockingConnectionPool)
    assert counters(client).bridge.get_connection().connection_pool is pool  # type: ignore[attr-defined]
    ours = pool.make_connection()
    assert isinstance(ours, kind)
    theirs = Connection(encoding="utf-8")
    for command in COMMANDS:
        assert b"".join(ours.pack_command(*command)) == b"".join(theirs.pack_command(*command))


def test_of_sentinels_everything_written_arrives() -> None:
    url = (
        "rediss+sentinel://u:p%2Fw@s-1:7000,s-2,[::1]:7002/main/5"
        "?sentinel_username=su&sentinel_password=s%26p&ssl_ca_certs=/ca.crt&ssl_certfile=/c&ssl_keyfile=/k"
    )

    pool = connect(url, connections=3, timeout=4.0).connection_pool

    assert isinstance(pool, PrimaryPool)
    assert (pool.service_name, pool.max_connections, pool.timeout) == ("main", 3, 4.0)
    said = pool.connection_kwargs
    assert (said["username"], said["password"], said["db"], said["socket_timeout"]) == ("u", "p/w", 5, 4.0)
    assert pool.make_connection().retry.get_retries() == 0
    tls = {"ssl_ca_certs": "/ca.crt", "ssl_certfile": "/c", "ssl_keyfile": "/k"}
    assert tls.items() <= said.items()
    asked = [one.connection_pool.connection_kwargs for one in pool.sentinel_manager.sentinels]
    assert [(one["host"], one["port"]) for one in asked] == [("s-1", 7000), ("s-2", 26379), ("::1", 7002)]
    for one in asked:
        assert (one["username"], one["password"]) == ("su", "s&p")
        assert tls.items() <= one.items()
    for secret in ("p/w", "p%2Fw", "s&p", "s%26p"):
        assert secret not in repr(pool) + repr(pool.sentinel_manager) + repr(sentinels(url))
