"""Routers when Redis is lost or away, and when they are killed in a storm of events."""

import signal
import time

from eventually import eventually
from integration.eventbench import STREAM, counted, event, listening, send, unacknowledged
from integration.installation import Installation
from integration.objects import Object, condition, handling, ready, scheduled

CREATE: Object = {"createJob": {"handler": {"function": {"name": "probe:note"}}, "queue": "nobody"}}


def listen(installation: Installation, *handlers: Object) -> list[Object]:
    return [installation.wait(handler, listening) for handler in installation.apply(*handlers)]


def test_a_lost_store_is_filled_and_goes_on(routed: Installation) -> None:
    (handler,) = listen(routed, handling("outlives", "outlive.it", action=CREATE))
    send(routed, event("outlive.it"), event("outlive.it"))
    routed.wait(handler, counted(trigger=2, success=2))

    routed.redis.flushall()

    eventually(lambda: routed.redis.exists(routed.keys.epoch), within=20)
    eventually(lambda: routed.redis.exists(STREAM) and routed.redis.xinfo_groups(STREAM), within=20)
    send(routed, event("outlive.it"))
    routed.wait(handler, counted(trigger=3, success=3, failure=0), within=20)
    routed.wait(handler, listening)


def test_a_handler_is_not_ready_while_redis_is_away(routed: Installation) -> None:
    (handler,) = listen(routed, handling("waits", "wait.for.it", action=CREATE))
    redis = routed.plane.processes["redis"]

    redis.send(signal.SIGSTOP)
    try:
        told = routed.wait(handler, lambda found: condition(found, "Ready").get("reason") == "StoreAway", within=30)
        assert condition(told, "Listening")["status"] == "False"
    finally:
        redis.send(signal.SIGCONT)

    routed.wait(handler, listening, within=20)
    send(routed, event("wait.for.it"))
    routed.wait(handler, counted(success=1))


def test_routers_killed_in_a_storm_lose_and_double_nothing(routed: Installation) -> None:
    (target,) = routed.apply(scheduled("stormed", "default", "probe:note", maxBacklog=10_000, queue="nobody"))
    routed.wait(target, ready)
    makes = {"createJob": {**CREATE["createJob"], "maxOpen": 1_000}}
    runs, creates = listen(
        routed,
        handling("runs-each", "storm.*", action={"runJob": {"name": "stormed"}}),
        handling("makes-some", "storm.make", action=makes),
    )
    events = [event("storm.make" if number % 40 == 0 else "storm.run", {"n": number}) for number in range(4_000)]

    for start in range(0, len(events), 500):
        send(routed, *events[start : start + 500])
        victim = routed.routers[(start // 500) % 2]
        routed.stop(victim, number=signal.SIGKILL)
        routed.start(victim, wait=False)
    begin = time.monotonic()
    routed.wait(runs, counted(trigger=4_000, success=4_000, failure=0), within=90)
    routed.wait(creates, counted(trigger=100, success=100, failure=0), within=60)
    print(f"settled after {time.monotonic() - begin:.1f} s")

    eventually(lambda: unacknowledged(routed) == 0, within=30)
    assert len({nominal for nominal, _ in routed.entries(target, "nobody")}) > 1
    assert len(routed.entries(target, "nobody")) == 4_000
    uid = creates["metadata"]["uid"]
    made = [
        job["spec"]["payload"]["event_data"]["n"]
        for job in routed.objects.all()
        if uid in [owner["uid"] for owner in job["metadata"].get("ownerReferences", ())]
    ]
    assert sorted(made) == list(range(0, 4_000, 40))
