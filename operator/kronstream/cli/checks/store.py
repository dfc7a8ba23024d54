"""What `doctor` asks Redis."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from kronstream.cli import diagnosis, liveness
from kronstream.cli.diagnosis import Finding, Reading

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from kronstream.cli.checks.cluster import Cluster
    from kronstream.ports import Lag
    from kronstream.settings import RedisSettings
    from kronstream.streams.keys import Keys


async def examined(settings: RedisSettings, event_group: str, cluster: Cluster) -> list[Finding]:
    """Redis itself, and what the parts left there; `cluster` tells which queues and streams are meant."""
    from redis.exceptions import NoPermissionError, RedisError

    from kronstream.logs import masked
    from kronstream.streams.connection import Unsuitable, connect, verify
    from kronstream.streams.keys import Keys

    redis, keys = connect(settings.url), Keys(settings.base_stream)
    try:
        info, unsuitable = await redis.info(), ""
        try:
            await verify(redis)
        except Unsuitable as fault:
            unsuitable = str(fault)
        owner = await redis.get(keys.installation)
        begin = int(time.time() * 1000)
        seconds, micros = await redis.time()
        end = int(time.time() * 1000)
        theirs = int(seconds) * 1000 + int(micros) // 1000
        return [
            *diagnosis.of_redis(info, unsuitable),
            diagnosis.of_owner(None if owner is None else str(owner), cluster.identity, settings.installation),
            diagnosis.of_clock(Reading("Redis'", theirs, theirs, begin, end)),
            *await _parts(redis, keys, settings.group, cluster),
            *await _events(redis, keys, event_group, cluster, theirs),
        ]
    except NoPermissionError as error:
        return [
            Finding("Redis", "wrong", f"its user lacks a right: {error}", "give it the rights of docs/configure.md")
        ]
    except (RedisError, OSError, TimeoutError) as error:
        text = f"no answer from {masked(settings.url)} ({type(error).__name__}: {masked(str(error))})"
        return [Finding("Redis", "wrong", text, "is it running, and KRONSTREAM_REDIS_URL right?")]
    finally:
        await redis.aclose()


async def _parts(redis: Redis, keys: Keys, group: str, cluster: Cluster) -> list[Finding]:
    from kronstream.streams.eventletters import RedisEventLetters
    from kronstream.streams.ledger import RedisLedger
    from kronstream.streams.letters import RedisLetters
    from kronstream.streams.presence import presence
    from kronstream.streams.queues import RedisQueues

    there = await presence(redis, keys)
    cards, store = await RedisLedger(redis, keys, group).workers(), RedisQueues(redis, keys, group)
    queues = cluster.queues
    named = queues | {queue for card in cards for queue in card.queues}
    return [
        *liveness.of_operators(there.operators, there.now, whole=there.whole),
        *liveness.of_routers(there.routers, there.now, len(cluster.handlers or ())),
        *liveness.of_workers(cards, queues),
        liveness.of_overdue(cluster.jobs or (), there.now),
        *liveness.of_lag(await store.backlogs(sorted(named)), await store.paused()),
        liveness.of_letters(await RedisLetters(redis, keys).count(), await RedisEventLetters(redis, keys).count()),
    ]


async def _events(redis: Redis, keys: Keys, group: str, cluster: Cluster, now: int) -> list[Finding]:
    from kronstream.ports import GroupLost, StreamFault
    from kronstream.streams.eventlog import RedisEventLog

    log, found = RedisEventLog(redis, keys, group), []
    for stream in sorted(cluster.streams):
        lag: Lag | None
        try:
            lag = await log.lag(stream)
        except GroupLost:
            lag = None
        except StreamFault as fault:
            found.append(Finding("Events", "wrong", str(fault), "name another stream in spec.source, or free the key"))
            continue
        finding = liveness.of_events(stream, lag, now)
        if finding is not None:
            found.append(finding)
    if cluster.streams and not found:
        found.append(Finding("Events", "ok", "no event waits for longer than a minute"))
    return found
