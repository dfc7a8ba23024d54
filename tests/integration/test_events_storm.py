"""Storms of events: bounded memory, nothing lost, and what is due by schedule does not wait behind them."""

import os
import signal
import time
from collections import Counter

import psutil

from eventually import eventually
from integration.eventbench import STREAM, counted, event, letters, listening, send
from integration.installation import Installation
from integration.objects import Object, handling, ready, scheduled

MIB = 1024**2
EVENTS = int(os.environ.get("KRONSTREAM_TEST_STORM", "20000"))
CLOCKS = 20  # jobs that are due every second
GROWN = 150 * MIB
MOST_WAITING = 100_000
CREATE: Object = {"createJob": {"handler": {"function": {"name": "probe:note"}}, "queue": "nobody", "maxOpen": 1_000}}


def listen(installation: Installation, *handlers: Object) -> list[Object]:
    return [installation.wait(handler, listening) for handler in installation.apply(*handlers)]


def storm(installation: Installation, kind: str, count: int) -> None:
    """As fast as a producer can."""
    for begin in range(0, count, 1_000):
        send(installation, *(event(kind, {"n": n}) for n in range(begin, min(begin + 1_000, count))))


def memory(installation: Installation) -> dict[str, int]:
    """Resident bytes of each router."""
    return {
        name: psutil.Process(installation.components[name].process.pid).memory_info().rss
        for name in installation.routers
    }


def idle(installation: Installation) -> bool:
    """Whether all was read and acknowledged."""
    (group,) = installation.redis.xinfo_groups(STREAM)
    last = installation.redis.xinfo_stream(STREAM)["last-generated-id"]
    return not group["pending"] and group["last-delivered-id"] == last


def test_a_storm_is_worked_off_in_bounded_memory_and_nothing_due_waits_for_it(routed: Installation) -> None:
    spec = {"every": "1s", "queue": "clocks", "maxBacklog": 10_000}
    clocks = routed.apply(*(scheduled(f"clock-{n}", "default", "probe:note", **spec) for n in range(CLOCKS)))
    (target,) = routed.apply(scheduled("storm-target", "default", "probe:note", queue="nobody"))
    for job in (target, *clocks):
        routed.wait(job, ready)
    runs, filters = listen(
        routed,
        handling("storm-runs", "storm.came", action={"runJob": {"name": "storm-target"}}),
        handling("storm-filters", "storm.came", action=CREATE, filter="event.data.n < 0"),
    )
    buried, before = len(letters(routed)), memory(routed)

    begin = time.monotonic()
    storm(routed, "storm.came", EVENTS)
    peak = Counter(before)

    def done() -> bool:
        peak.update({name: max(size - peak[name], 0) for name, size in memory(routed).items()})
        return idle(routed)

    eventually(done, within=EVENTS / 200 + 30)
    took = time.monotonic() - begin
    print(f"{EVENTS:,} events in {took:.1f} s")
    for name, size in before.items():
        print(f"{name}: {size / MIB:.0f} MiB before, {peak[name] / MIB:.0f} MiB at most")
        assert peak[name] - size < GROWN
    routed.wait(runs, counted(trigger=EVENTS, success=EVENTS, failure=0), within=30)
    routed.wait(filters, counted(filtered=EVENTS, trigger=0, error=0), within=30)
    assert routed.redis.zcard(routed.keys.active(target["metadata"]["uid"])) == EVENTS
    assert len(letters(routed)) == buried
    late = []
    for clock in clocks:
        entries = routed.entries(clock, "clocks")
        nominals = [nominal for nominal, _ in entries]
        assert nominals == list(range(nominals[0], nominals[0] + 1_000 * len(nominals), 1_000)), "none is left out"
        assert len(nominals) >= int(took) - 1
        assert not any(routed.objects.get(clock)["status"].get("skipped", {}).values())
        late += [at - nominal for nominal, at in entries]
    late.sort()
    print(f"{len(late)} due: {late[len(late) // 2]} ms late half of them, {late[len(late) * 99 // 100]} ms 99 of 100")


def test_events_stay_in_their_stream_while_as_much_waits_as_may(routed: Installation) -> None:
    (handler,) = listen(routed, handling("held-back", "hold.back", action=CREATE))
    buried = len(letters(routed))
    key = f"{{{routed.keys.base}}}:eload"
    routed.redis.hset(key, "n", MOST_WAITING)
    before = memory(routed)
    try:
        storm(routed, "hold.back", 200)
        # longer than another router waits until it takes over what is not acknowledged
        time.sleep(12)
        (group,) = routed.redis.xinfo_groups(STREAM)
        assert group["pending"] + group["lag"] == 200
        given = routed.redis.xpending_range(STREAM, "kronstream-router", "-", "+", 1_000)
        assert {row["times_delivered"] for row in given} <= {1}
        routed.wait(handler, counted(trigger=0))
    finally:
        routed.redis.hset(key, "n", 0)

    routed.wait(handler, counted(trigger=200, success=200, failure=0), within=60)
    eventually(lambda: idle(routed))
    assert len(letters(routed)) == buried
    for name, size in memory(routed).items():
        assert size - before[name] < GROWN


def test_a_store_without_memory_holds_events_back(routed: Installation) -> None:
    (target,) = routed.apply(scheduled("after-full", "default", "probe:note", queue="nobody"))
    routed.wait(target, ready)
    (handler,) = listen(routed, handling("after-full", "full.it", action={"runJob": {"name": "after-full"}}))
    buried = len(letters(routed))
    for name in routed.routers:
        routed.send(name, signal.SIGSTOP)
    try:
        storm(routed, "full.it", 500)
        routed.redis.config_set("maxmemory", "1mb")
    finally:
        for name in routed.routers:
            routed.send(name, signal.SIGCONT)
    try:
        time.sleep(3)
        assert routed.redis.zcard(routed.keys.active(target["metadata"]["uid"])) == 0
    finally:
        routed.redis.config_set("maxmemory", "0")

    routed.wait(handler, counted(trigger=500, success=500, failure=0), within=60)
    eventually(lambda: idle(routed))
    assert len(letters(routed)) == buried


def test_a_redis_that_is_killed_in_a_storm(routed: Installation) -> None:
    (target,) = routed.apply(scheduled("after-kill", "default", "probe:note", queue="nobody"))
    routed.wait(target, ready)
    runs, makes = listen(
        routed,
        handling("after-kill-runs", "kill.redis.*", action={"runJob": {"name": "after-kill"}}),
        handling("after-kill-makes", "kill.redis.make", action=CREATE),
    )
    storm(routed, "kill.redis.run", 3_000)
    storm(routed, "kill.redis.make", 100)
    time.sleep(1.2)  # the file is written every second: what was sent is in it
    eventually(lambda: routed.redis.zcard(routed.keys.active(target["metadata"]["uid"])) > 200)

    for _ in range(3):
        routed.plane.stop_part("redis", signal.SIGKILL)
        time.sleep(0.3)
        routed.plane.start_part("redis")
        time.sleep(1)

    eventually(lambda: idle(routed), within=60)
    uid = target["metadata"]["uid"]
    eventually(lambda: routed.redis.zcard(routed.keys.active(uid)) == 3_100, within=30)
    routed.wait(runs, counted(trigger=3_100, success=3_100, failure=0), within=30)
    routed.wait(makes, counted(trigger=100, success=100, failure=0), within=30)
    own = makes["metadata"]["uid"]
    made = [
        job["spec"]["payload"]["event_data"]["n"]
        for job in routed.objects.all()
        if own in [owner["uid"] for owner in job["metadata"].get("ownerReferences", ())]
    ]
    assert sorted(made) == list(range(100))
