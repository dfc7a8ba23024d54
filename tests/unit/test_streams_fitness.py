"""What INFO says of a Redis, and what the log does of one that keeps nothing."""

import logging
import re
import time
from typing import Any
from unittest.mock import Mock

import pytest
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError

from kronstream.streams.connection import Unsuitable, verify
from kronstream.streams.suitability import REMIND, Caveat, Suitability

pytestmark = pytest.mark.anyio
GOOD = {
    "redis_version": "7.0.15",
    "role": "master",
    "loading": 0,
    "maxmemory_policy": "noeviction",
    "aof_enabled": 1,
    "aof_last_write_status": "ok",
}


def server(answer: dict[str, Any] | Exception, behind: int = 0) -> Redis:
    """A client of a server that answers INFO so, and whose clock is some seconds behind."""

    async def info() -> dict[str, Any]:
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def now() -> tuple[int, int]:
        seconds, micros = divmod(time.time_ns() // 1_000, 1_000_000)
        return seconds - behind, micros

    return Mock(spec=Redis, info=info, time=now)


@pytest.mark.parametrize(
    ("info", "says"),
    [
        ({"redis_version": "6.2.14"}, "6.2.14 is too old"),
        ({"role": "slave"}, "give the address of the primary, or of the Sentinels"),
        ({"loading": 1}, "still loading"),
        ({"maxmemory_policy": "allkeys-lru"}, "maxmemory-policy noeviction"),
        ({"aof_last_write_status": "err"}, "cannot write its append-only file"),
    ],
)
async def test_one_that_must_not_be_used(info: dict[str, Any], says: str) -> None:
    with pytest.raises(Unsuitable, match=says):
        await verify(server({**GOOD, **info}))


async def test_one_that_may_be_used() -> None:
    assert await verify(server(GOOD)) == ""
    # what another server leaves out is not held against it
    assert await verify(server({"redis_version": "8.0.1", "role": "master", "aof_enabled": 1})) == ""


async def test_one_that_keeps_nothing_may_be_used_with_a_word() -> None:
    assert "CONFIG SET appendonly yes" in await verify(server({**GOOD, "aof_enabled": 0}))
    # it is not written, so it cannot be written wrong
    assert await verify(server({**GOOD, "aof_enabled": 0, "aof_last_write_status": "err"}))


async def test_a_right_that_is_missing_is_named() -> None:
    refused = NoPermissionError("User k has no permissions to run the 'info' command")
    with pytest.raises(Unsuitable, match=r"may not run INFO: add \+info to its rights \(User k has"):
        await verify(server(refused))


def test_what_is_to_be_known_is_said_once_an_hour(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr("kronstream.trouble.time.monotonic", lambda: now)
    caveat = Caveat()
    assert caveat.beside("3 job(s)") == "3 job(s)"
    with caplog.at_level(logging.WARNING):
        for now in range(0, int(2.5 * REMIND), 5):  # noqa: B007 - the clock
            caveat.note("it keeps nothing")
        assert [record.getMessage() for record in caplog.records] == ["Redis is used, but: it keeps nothing"] * 3
        assert caveat.beside("3 job(s)") == "3 job(s); but it keeps nothing"
        caveat.note("")
        caveat.note("it keeps nothing")
    assert len(caplog.records) == 4


async def test_what_serves_tells_apart_what_is_unfit_and_what_is_away(caplog: pytest.LogCaptureFixture) -> None:
    async def nobodys() -> None:
        return None

    ownership = Mock(look=nobodys)
    store = Suitability(server({**GOOD, "maxmemory_policy": "allkeys-lru"}), ownership)
    with caplog.at_level(logging.WARNING):
        await store.look()
    assert "noeviction" in store.unfit
    assert store.fault == f"Redis cannot be used: {store.unfit}"
    assert "noeviction" in caplog.text

    away = Suitability(server(OSError("away")), ownership)
    await away.look()
    assert (away.fault, away.unfit) == ("Redis cannot be used: away", "")

    good = Suitability(server({**GOOD, "aof_enabled": 0}), ownership)
    await good.look()
    assert (good.fault, good.unfit) == ("", "")
    assert good.caveat.text
    assert good.beside("serving") == f"serving; but {good.caveat.text}"

    slow = Suitability(server(GOOD, behind=10), ownership)
    with caplog.at_level(logging.WARNING):
        await slow.look()
    assert re.fullmatch(r"serving; .* is (9\.\d|10\.\d) s ahead of Redis's: set it by NTP", slow.beside("serving"))
    assert "clocks differ, and instants that are told are those of Redis" in caplog.text
