"""Commands are packed as redis-py packs them, whatever the address is."""

import pytest
from redis.asyncio import Connection, SSLConnection, UnixDomainSocketConnection

from kronstream.streams.connection import connect

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
    ],
)
def test_every_kind_of_address(url: str, kind: type[Connection]) -> None:
    pool = connect(url).connection_pool
    ours = pool.make_connection()
    assert isinstance(ours, kind)
    theirs = kind(encoding="utf-8")
    for command in COMMANDS:
        assert b"".join(ours.pack_command(*command)) == b"".join(theirs.pack_command(*command))
