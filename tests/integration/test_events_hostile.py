"""What is not as it should be harms its own event, or its own handler: everything else acts as if it were not there."""

import json
import subprocess
from pathlib import Path
from typing import Any

import psutil
import pytest

from eventually import eventually
from integration.eventbench import STREAM, counted, event, letters, listening, send, settled, unacknowledged
from integration.installation import Installation
from integration.objects import Object, condition, handling, ready, scheduled
from kronstream.dev.components import KRONSTREAM
from kronstream.domain.event import CHAIN_LIMIT

MIB = 1024**2
CREATE: Object = {"createJob": {"handler": {"function": {"name": "probe:note"}}, "queue": "nobody"}}
SECRET = "hunter2-5f1d6c0e"


def listen(installation: Installation, *handlers: Object, within: float = 10.0) -> list[Object]:
    """Applies handlers and waits until they are in force."""
    return [installation.wait(handler, listening, within) for handler in installation.apply(*handlers)]


def job(installation: Installation, name: str, **spec: object) -> Object:
    """A ScheduledJob that runs only when it is asked to, adopted."""
    (made,) = installation.apply(scheduled(name, "default", "probe:note", **spec))
    return installation.wait(made, ready)


def runs(name: str) -> Object:
    return {"runJob": {"name": name}}


def of_handler(installation: Installation, handler: Object) -> list[dict[str, str]]:
    """The dead letters of one handler."""
    return [one for one in letters(installation) if one.get("handler") == f"eh.{handler['metadata']['uid']}"]


def about(installation: Installation, *ids: str) -> dict[str, str]:
    """The reasons of the dead letters of streams' entries, by entry."""
    return {one["entry"]: one["reason"] for one in letters(installation) if one.get("entry") in ids}


def created(installation: Installation, handler: Object) -> list[Object]:
    uid = handler["metadata"]["uid"]
    return [
        made
        for made in installation.objects.all(handler["metadata"]["namespace"])
        if uid in [owner["uid"] for owner in made["metadata"].get("ownerReferences", ())]
    ]


def memory(installation: Installation) -> int:
    """The resident bytes of the largest router."""
    pids = [installation.components[name].process.pid for name in installation.routers]
    return max(psutil.Process(pid).memory_info().rss for pid in pids)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("unparsed", "event.data.x =="),
        ("unknown-name", "event.dta.x == 1"),
        ("wrong-type", "event.id > 5"),
        ("no-truth", "event.id"),
        ("a-loop", "event.data.items.exists(i, i > 1)"),
    ],
)
def test_a_filter_that_cannot_be_is_told_by_status_and_validate_alike(
    routed: Installation, tmp_path: Path, name: str, text: str
) -> None:
    job(routed, "beside-bad")
    bad_one = handling(name, "bad.filter", action=runs("beside-bad"), filter=text)
    bad, good = routed.apply(bad_one, handling("good-one", "bad.filter", action=runs("beside-bad")))

    told = routed.wait(bad, lambda found: condition(found, "Stalled").get("status") == "True")
    routed.wait(good, listening)
    send(routed, event("bad.filter"))

    message = condition(told, "Stalled")["message"]
    assert message.startswith("spec.filter: ")
    assert condition(told, "Ready")["message"] == message
    (tmp_path / "bad.json").write_text(json.dumps(bad_one))
    validated = subprocess.run(
        [*KRONSTREAM, "validate", str(tmp_path / "bad.json")], capture_output=True, text=True, check=False
    )
    assert validated.returncode != 0
    assert message in validated.stdout + validated.stderr
    routed.wait(good, counted(success=1))


def test_a_filter_that_fails_on_an_event_of_any_id_harms_no_router(routed: Installation) -> None:
    job(routed, "long-id")
    ids = ["x" + "é" * 600, "😀" * 5_000, "a b/c\\d\"e'{}[]%s$0", "-s1", "-e00000000000000000000", "9" * 300]
    bad, good = listen(
        routed,
        handling("fails", "long.id", action=runs("long-id"), filter="event.data.missing > 3", priority=9),
        handling("acts", "long.id", action=runs("long-id")),
    )

    send(routed, *(event("long.id", {"n": 1}, id=one) for one in ids))

    told = routed.wait(bad, counted(error=len(ids), trigger=0))["status"]["lastError"]
    assert any(one.startswith(told["event"]) for one in ids)
    routed.wait(good, counted(success=len(ids)))
    eventually(lambda: sorted(json.loads(one["text"])["id"] for one in of_handler(routed, bad)) == sorted(ids))
    # those that come after it are not held up by any of them
    send(routed, event("long.id", {"n": 1}))
    routed.wait(good, counted(success=len(ids) + 1))


def test_what_is_no_event_is_a_dead_letter_with_its_reason(routed: Installation) -> None:
    job(routed, "after-garbage")
    (handler,) = listen(routed, handling("after-garbage", "garbage.it", action=runs("after-garbage")))
    good = event("garbage.it")
    bad: dict[str, Any] = {
        "NotJson": [b"{no json", b"", b"\xff\xfe\x00", b"{} {}", b'{"a":NaN}', b"\x00" * 100],
        "NoType": [json.dumps({**event("x"), "type": ""}), json.dumps({k: v for k, v in good.items() if k != "type"})],
        "Invalid": [b"[]", b"3", b'"text"', b"null", json.dumps({**event("x"), "source": "no uri"})],
        "TooLarge": ["x" * 10 * MIB, json.dumps(event("garbage.it", "x" * 10 * MIB)), json.dumps(["y" * 70_000])],
        "TooDeep": ["[" * 60_000, json.dumps(event("garbage.it"))[:-1] + ',"data":' + "[" * 40 + "]" * 40 + "}"],
        "UnknownVersion": [json.dumps({**event("x"), "specversion": version}) for version in ("0.3", "2.0", 1, None)],
        "FromTheFuture": [json.dumps(event("garbage.it", time="2999-01-01T00:00:00Z"))],
        "ChainTooDeep": [json.dumps(event("garbage.it", chaindepth=depth)) for depth in (10, "10", 2**31 - 1)],
    }
    sent = {str(routed.redis.xadd(STREAM, {"event": text})): reason for reason, texts in bad.items() for text in texts}
    sent[str(routed.redis.xadd(STREAM, {"other": "field", b"\xff": b"\xfe"}))] = "NoEvent"
    send(routed, good)

    routed.wait(handler, counted(success=1, trigger=1), within=30)
    eventually(settled(routed), within=30)
    assert about(routed, *sent) == sent


def test_many_large_entries_do_not_end_a_router(routed: Installation) -> None:
    job(routed, "after-large")
    (handler,) = listen(routed, handling("after-large", "large.it", action=runs("after-large")))
    before = memory(routed)

    pipe = routed.redis.pipeline(transaction=False)
    for _ in range(120):
        pipe.xadd(STREAM, {"event": b"x" * 10 * MIB})
    # at once, so that one read finds them all
    routed.redis.ping()
    for name in routed.routers:
        routed.send(name, 19)
    try:
        pipe.execute()
        send(routed, event("large.it"))
    finally:
        for name in routed.routers:
            routed.send(name, 18)

    peak = 0

    def done() -> bool:
        nonlocal peak
        peak = max(peak, memory(routed))
        return settled(routed)()

    eventually(done, within=90)
    routed.wait(handler, counted(success=1), within=30)
    routed.redis.xtrim(STREAM, maxlen=0)
    print(f"1.2 GB of entries: {before / MIB:.0f} MiB before, {peak / MIB:.0f} MiB at most")
    assert peak < 600 * MIB


def test_a_thousand_handlers_of_one_event_act_in_their_order(routed: Installation) -> None:
    count = 1_000
    target = job(routed, "of-thousand", queue="nobody")
    names = {f"of-thousand-{number:04}": (number * 7) % 5 for number in range(count)}
    made = [
        handling(
            name, "thousand.it", action=runs("of-thousand" if number % 10 else "nobody-there"), priority=priority,
            retry={"limit": 0}, **({"filter": "event.data.missing == 1"} if number % 10 == 5 else {}),
        )
        for number, (name, priority) in enumerate(names.items())
    ]  # fmt: skip
    handlers = listen(routed, *made, within=60)

    sent = event("thousand.it", {"n": 1})
    send(routed, sent)

    acting = [one for number, one in enumerate(handlers) if number % 10 not in (0, 5)]
    eventually(lambda: len(routed.entries(target, "nobody")) == len(acting), within=30)
    from kronstream.domain.run import digest

    by_run = {
        f"-e{digest(sent['source'], sent['id'], 'eh.' + one['metadata']['uid'])}": one["metadata"]["name"]
        for one in acting
    }
    entries = routed.redis.xrange(routed.keys.lane("nobody", "medium"))
    order = [by_run[fields["run"][36:]] for _, fields in entries if fields["uid"] == target["metadata"]["uid"]]
    assert order == sorted(order, key=lambda name: (-names[name], name))
    gone = [routed.wait(one, counted(failure=1, trigger=1), within=60) for one in handlers[0::10]]
    assert {one["status"]["lastError"]["message"] for one in gone} == {
        "there is no ScheduledJob nobody-there in namespace default"
    }
    for one in handlers[5::10]:
        routed.wait(one, counted(error=1, trigger=0), within=60)
    eventually(settled(routed))


def test_a_handler_that_causes_its_own_event_ends(routed: Installation) -> None:
    target = job(routed, "round-and-round")
    (handler,) = listen(
        routed,
        handling(
            "loops", "kronstream.run.succeeded", action=runs("round-and-round"),
            filter='event.data.job_name == "round-and-round"',
        ),
    )  # fmt: skip

    routed.objects.annotate(target, "kronstream.dev/run-now", "1")

    def buried() -> list[dict[str, str]]:
        return [one for one in letters(routed) if one["reason"] == "ChainTooDeep" and "round-and-round" in one["text"]]

    (letter,) = eventually(buried, within=30)
    assert json.loads(letter["text"])["chaindepth"] == CHAIN_LIMIT
    routed.wait(handler, counted(success=CHAIN_LIMIT, trigger=CHAIN_LIMIT))
    found = routed.records(target)
    assert len(found) == CHAIN_LIMIT + 1
    assert {run.state.value for run in found} == {"success"}


def test_what_an_event_holds_is_not_in_logs_and_statuses(routed: Installation) -> None:
    job(routed, "discreet")
    told = {
        "filtered": {"filter": "event.data.token == 'x'"},
        "no-number": {"filter": "int(event.data.token) > 3"},
        "no-time": {"filter": "timestamp(event.data.token) > event.time"},
        "no-key": {"filter": "event.data[event.data.token] == 1"},
        "adds": {"filter": "event.data.token + 1 == 2"},
        "transforms": {"transform": "int(event.data.token)"},
        "keyed": {"dedupe": {"key": "duration(event.data.token)", "window": "1m"}},
        "calls": {"filter": "event.data.token.x == 1"},
    }
    handlers = listen(
        routed,
        *(handling(f"discreet-{n}", "secret.it", action=runs("discreet"), **spec) for n, spec in told.items()),
        handling(
            "discreet-creates", "secret.it", action={"createJob": {"handler": {"function": {"name": "probe:no"}}}}
        ),
        handling("discreet-missing", "secret.it", action=runs("not-there"), retry={"limit": 0}),
    )

    send(routed, event("secret.it", {"token": SECRET}), event("secret.it", SECRET))
    routed.redis.xadd(STREAM, {"event": '{"data": "' + SECRET})
    routed.redis.xadd(STREAM, {"event": json.dumps({**event("secret.it", SECRET), "type": 3})})

    eventually(settled(routed))
    for handler in handlers:
        routed.wait(handler, lambda found: any(found["status"][f"{name}Count"] for name in COUNTS))
    for name in (*routed.routers, *routed.operators):
        assert SECRET not in routed.log(name)
    for handler in handlers:
        assert SECRET not in json.dumps(routed.objects.get(handler)["status"]), handler["metadata"]["name"]
    assert not [one for one in letters(routed) if SECRET in one["message"]]


COUNTS = ("trigger", "filtered", "error", "success", "failure")


def test_a_stream_that_is_deleted_is_read_again(routed: Installation) -> None:
    job(routed, "of-lost-stream")
    stream = "stream:lost"
    (handler,) = listen(
        routed, handling("of-lost-stream", "lost.it", action=runs("of-lost-stream"), source={"stream": stream})
    )
    for number in range(1, 6):
        send(routed, event("lost.it"), event("lost.it"), stream=stream)
        routed.wait(handler, counted(success=2 * number))
        routed.redis.delete(stream)
        eventually(lambda: routed.redis.exists(stream) and routed.redis.xinfo_groups(stream))
    routed.wait(handler, listening)


def test_a_storm_while_its_handlers_are_edited_and_deleted(routed: Installation) -> None:
    target = job(routed, "of-edited", queue="nobody")
    edited, deleted, steady = listen(
        routed,
        handling("storm-edited", "edit.storm", action=runs("of-edited"), filter="event.data.n >= 0"),
        handling("storm-deleted", "edit.storm", action=runs("of-edited")),
        handling("storm-steady", "edit.storm", action=runs("of-edited")),
    )
    total = 3_000
    for begin in range(0, total, 300):
        send(routed, *(event("edit.storm", {"n": n}) for n in range(begin, begin + 300)))
        routed.objects.patch(edited, filter=f"event.data.n >= -{begin + 1}")
        if begin == 1_500:
            routed.delete(deleted)
            uid = f"eh.{deleted['metadata']['uid']}"
            eventually(lambda uid=uid: routed.redis.zscore(routed.keys.jobs, uid) is None)

    routed.wait(steady, counted(success=total, failure=0), within=60)
    routed.wait(edited, counted(success=total, failure=0, error=0, filtered=0), within=60)
    eventually(settled(routed))
    assert not of_handler(routed, edited)
    # one that was deleted acted on what came before, at the most
    assert 2 * total <= len(routed.entries(target, "nobody")) <= 2 * total + 1_800


def test_a_handler_of_a_namespace_that_is_deleted_goes_with_it(routed: Installation) -> None:
    routed.objects.send("POST", "/api/v1/namespaces", {"metadata": {"name": "doomed"}})
    doomed = handling("doomed", "doom.it", "doomed", action=CREATE)
    survivor = handling("survives", "doom.it", action=CREATE)
    doomed, survivor = listen(routed, doomed, survivor)

    routed.objects.send("DELETE", "/api/v1/namespaces/doomed")
    send(routed, *(event("doom.it") for _ in range(10)))

    # nothing can be made there any more: no namespace controller empties it here
    told = routed.wait(doomed, counted(failure=10, success=0), within=30)["status"]["lastError"]["message"]
    assert "being terminated" in told
    routed.wait(survivor, counted(success=10, failure=0))
    eventually(lambda: {one["reason"] for one in of_handler(routed, doomed)} == {"Refused"})
    assert condition(routed.objects.get(doomed), "Ready")["status"] == "True"
    routed.delete(doomed)


def test_odd_and_long_names_make_jobs(routed: Installation) -> None:
    longest = "a" + "-b.c" * 63
    assert len(longest) == 253
    target = job(routed, "odd-target")
    kinds = ["odd.ünï cödé", "odd." + "x" * 900, "odd.😀,/;'\"", "odd.%2F${x}"]
    makes, starts = listen(
        routed,
        handling(longest, "odd.*", action=CREATE),
        handling("odd-starts", "odd.*", action=runs("odd-target")),
    )

    send(routed, *(event(kind, {"n": 1}, source="/" + "s" * 2_000) for kind in kinds))

    routed.wait(starts, counted(success=4))
    routed.wait(makes, counted(success=4, failure=0))
    assert sorted(made["spec"]["payload"]["event_name"] for made in created(routed, makes)) == sorted(kinds)
    assert len(routed.records(target)) == 4


def test_an_event_as_large_as_may_be_acts(routed: Installation) -> None:
    target = job(routed, "largest")
    (handler,) = listen(routed, handling("largest", "large.est", action=runs("largest"), transform="event.id"))
    text = json.dumps(event("large.est", ""))
    largest = json.dumps(event("large.est", "x" * (65_536 - len(text) - 4)))
    assert 65_530 <= len(largest) <= 65_536

    routed.redis.xadd(STREAM, {"event": largest})

    routed.wait(handler, counted(success=1, error=0))
    assert len(routed.records(target)) == 1


def test_unacknowledged_is_nothing_at_the_end(routed: Installation) -> None:
    eventually(lambda: unacknowledged(routed) == 0)


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        ("stream:own-agents", "stream:own-agents has no events but what kronstream and its workers"),
        ("orders", "orders is not among the streams that handlers may name: stream:*; name one of these"),
    ],
)
def test_a_stream_that_handlers_must_not_name_is_not_touched(routed: Installation, stream: str, said: str) -> None:
    send(routed, event("peek.it"), stream=stream)
    (peeks,) = routed.apply(handling("peeks", "peek.it", action=CREATE, source={"stream": stream}))

    told = routed.wait(peeks, lambda found: condition(found, "Ready").get("reason") == "StreamFault")

    assert condition(told, "Listening")["message"].startswith(said)
    assert routed.redis.xinfo_groups(stream) == []
    routed.delete(peeks)
    routed.redis.delete(stream)
