"""What `doctor` makes of what it saw."""

from copy import deepcopy
from typing import Any

import pytest

from kronstream.cli.diagnosis import Finding, Reading, of_clock, of_crd, of_owner, of_redis, of_rights
from kronstream.cli.liveness import (
    HOLDS,
    LABEL,
    of_deployments,
    of_events,
    of_jobs,
    of_lag,
    of_letters,
    of_operators,
    of_overdue,
    of_routers,
    of_workers,
)
from kronstream.controller.replicas import HOLDS as MARK
from kronstream.dev import manifests
from kronstream.domain.run import Lane
from kronstream.ports import Backlog, Lag, QueuePause, WorkerCard

GOOD = {"redis_version": "7.2.4", "aof_enabled": 1, "aof_last_write_status": "ok", "maxmemory": 0}


def established(crd: dict[str, Any]) -> dict[str, Any]:
    return {**deepcopy(crd), "status": {"conditions": [{"type": "Established", "status": "True"}]}}


@pytest.mark.parametrize("crd", manifests.crds(), ids=lambda crd: crd["metadata"]["name"])
def test_crds(crd: dict[str, Any]) -> None:
    name = crd["metadata"]["name"]
    older = established(crd)
    del older["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["platformId"]

    assert of_crd(crd, established(crd)) == Finding("CRDs", "ok", f"{name} is in force")
    assert of_crd(crd, None).text == f"{name} is not there"
    assert of_crd(crd, crd).text == f"{name} is there, but not served"
    found = of_crd(crd, older)
    assert (found.level, found.text) == ("wrong", f"{name} is of another version: it lacks v1.spec.platformId")
    assert found.do == "run `kronstream crds | kubectl apply --server-side -f -`"


def test_rights() -> None:
    assert of_rights("a:b", [], 9).level == "ok"
    assert of_rights("a:b", ["list x", "get x"], 9).text == "a:b may not list x, get x"
    many = [f"list {letter}" for letter in "abcdefg"]
    assert of_rights("a:b", many, 9).text == "a:b may not list a, list b, list c, list d, list e, and 2 more"


@pytest.mark.parametrize(
    ("owner", "cluster", "level"),
    [
        (None, "a", "ok"), (None, "", "ok"), ("a", "a", "ok"), ("a", "", "warning"), ("a", "b", "wrong"),
        ("a/ns/one", "a", "ok"), ("a/ns/one", "", "warning"), ("a/ns/one", "b", "wrong"),
    ],
)  # fmt: skip
def test_owner(owner: str | None, cluster: str, level: str) -> None:
    found = of_owner(owner, cluster)
    assert found.level == level
    assert (f"KRONSTREAM_TAKE_OVER={owner}" in found.do) == (level == "wrong")


def test_an_owner_of_the_same_cluster() -> None:
    assert of_owner("a/ns/one", "a", "ns/one").level == "ok"
    assert of_owner("a", "a", "ns/one").level == "ok"
    found = of_owner("a/ns/one", "a", "ns/two")
    assert (found.level, found.text) == ("wrong", "the data in Redis belongs to installation ns/one, this is ns/two")
    assert "KRONSTREAM_INSTALLATION=ns/one" in found.do


@pytest.mark.parametrize(
    ("info", "unsuitable", "found"),
    [
        ({}, "", ["ok", "ok"]),
        ({}, "Redis may evict keys (maxmemory-policy allkeys-lru): run `CONFIG SET …`", ["wrong", "ok"]),
        ({"aof_enabled": 0}, "", ["ok", "warning"]),
        ({"aof_last_write_status": "err"}, "Redis cannot write …: run `CONFIG SET …`", ["wrong"]),
        ({"maxmemory": 100, "used_memory": 81}, "", ["ok", "ok", "warning"]),
    ],
)
def test_redis(info: dict[str, Any], unsuitable: str, found: list[str]) -> None:
    findings = list(of_redis({**GOOD, **info}, unsuitable))

    assert [one.level for one in findings] == found
    assert all(one.do for one in findings if one.level != "ok")
    if unsuitable:
        assert findings[0].do == "run `CONFIG SET …`"


@pytest.mark.parametrize(
    ("low", "level", "said"),
    [
        (1_099, "ok", "the store's clock and the one here agree"),
        (3_600, "warning", "the store's clock is 3s ahead of the one here"),
        (-3_500, "warning", "the store's clock is 3s behind the one here"),
        (-20_000, "wrong", "the store's clock is 20s behind the one here"),
    ],
)
def test_clocks(low: int, level: str, said: str) -> None:
    found = of_clock(Reading("the store's", low, low, 0, 100))

    assert (found.level, found.text) == (level, said)
    assert bool(found.do) is (level != "ok")


def test_a_clock_of_whole_seconds_or_behind_a_slow_answer_is_not_called_wrong() -> None:
    assert of_clock(Reading("x", 0, 999, 1_900, 1_950)).level == "ok"
    assert of_clock(Reading("x", 0, 999, 1_999, 2_000)).level == "warning"
    assert of_clock(Reading("x", 3_500, 3_500, 0, 3_000)).level == "ok", "the answer may have taken that long"


def test_operators() -> None:
    assert [one.text for one in of_operators({"b": 100, "a": 90}, 100, whole=True)] == ["2 live: a, b"]
    silent, dead = of_operators({"a": 0}, 12_000, whole=True)
    assert (silent.level, silent.text) == ("wrong", "no operator lives: nothing is dispatched")
    assert (dead.level, dead.text) == ("warning", "a was last heard 12s ago, and did not say that it ends")
    live, lost = of_operators({"a": 0}, 0, whole=False)
    assert (live.level, lost.level) == ("ok", "warning")
    assert "Redis was lost" in lost.text
    assert [one.level for one in of_operators({}, 0, whole=False)] == ["wrong"]


def test_replicas_are_called_as_people_call_them_and_tell_how_they_plan() -> None:
    beats = {"|0002.2026f|a": 0, f"x,y|0001.2026a|{HOLDS}b": 0}
    live, plans, holding = of_operators(beats, 0, whole=True)

    assert HOLDS == MARK
    assert (live.level, live.text) == ("ok", "2 live: a, b (of namespaces x,y)")
    assert plans.text.startswith("they plan by different versions, 0001.2026a, 0002.2026f ")
    assert (holding.level, holding.text) == ("warning", "b (of namespaces x,y) holds all jobs")
    assert [one.text for one in of_routers({"|router-1": 0}, 0, 1)] == ["1 live: router-1"]


def test_routers_are_needed_where_there_are_handlers() -> None:
    assert [one.level for one in of_routers({}, 0, 0)] == ["ok"]
    assert [one.level for one in of_routers({"r": 0}, 20_000, 0)] == ["ok"]
    (found,) = of_routers({}, 0, 1)
    assert (found.level, found.text) == ("wrong", "no router lives: events wait for 1 EventHandler")
    assert found.do.startswith("start one: `kronstream router`")
    assert [one.text for one in of_routers({"r": 0}, 0, 0)] == ["1 live: r"]


def deployment(name: str, ready: int, *images: str, wanted: int = 2) -> dict[str, Any]:
    pod = {"spec": {"containers": [{"name": "x", "image": image} for image in images]}}
    spec = {"replicas": wanted, "template": pod}
    return {"metadata": {"namespace": "k", "name": name}, "spec": spec, "status": {"readyReplicas": ready}}


def test_deployments() -> None:
    well, half, none, off = of_deployments(
        [deployment("a", 2), deployment("b", 1), deployment("c", 0), deployment("d", 0, wanted=0)], "1.0.0"
    )

    assert (well.level, well.text) == ("ok", "k/a: 2 of 2 replicas are ready")
    assert (half.level, half.text) == ("warning", "k/b: 1 of 2 replicas are ready")
    assert (none.level, none.do) == ("wrong", "`kubectl -n k describe deployment c`, and `logs deployment/c`")
    assert (off.level, off.text) == ("warning", "k/d is scaled to 0")
    assert [one.text for one in of_deployments([], "1.0.0")] == [f"none has the label {LABEL}: the parts run otherwise"]


@pytest.mark.parametrize(
    ("images", "level", "said"),
    [
        (
            ("here:5000/kronstream:1.0.0", "kronstream:1.0.0@sha256:ab"),
            "ok",
            "all parts and this command line are 1.0.0",
        ),
        (("kronstream:1.0.0", "kronstream:2.0.0"), "warning", "the parts differ: 1.0.0: d0; 2.0.0: d1"),
        (("kronstream:2.0.0", "kronstream:2.0.0"), "warning", "the parts are 2.0.0, this command line is 1.0.0"),
    ],
)
def test_versions(images: tuple[str, ...], level: str, said: str) -> None:
    parts = [deployment(f"d{number}", 2, image) for number, image in enumerate(images)]

    found = [one for one in of_deployments(parts, "1.0.0") if one.area == "Versions"]

    assert [(one.level, one.text) for one in found] == [(level, said)]
    assert not [one for one in of_deployments([deployment("a", 2, "x@sha256:ab")], "1") if one.area == "Versions"]


def test_events_that_wait() -> None:
    assert of_events("s", Lag(0, None, "1-1"), 100) is None
    assert of_events("s", Lag(1, 1_000, "1-1"), 60_000) is None
    late = of_events("s", Lag(1, 1_000, "1-1"), 121_000)
    assert late == Finding("Events", "wrong", "1 event waits in s, the oldest for 2m", late.do if late else "")
    unread = of_events("s", None, 0)
    assert unread is not None
    assert (unread.level, unread.text) == ("warning", "nobody reads s, of which there are EventHandlers")


def test_jobs_that_are_overdue() -> None:
    def waiting(name: str, at: str, suspended: str = "No") -> dict[str, Any]:
        return {
            "metadata": {"namespace": "a", "name": name},
            "status": {"nextRunTime": at, "suspended": suspended},
        }

    late = [waiting(name, "1970-01-01T00:00:00Z") for name in "edcb"]
    held = waiting("held", "1970-01-01T00:00:00Z", "Paused")
    assert of_overdue([waiting("x", "1970-01-01T00:01:30Z"), held, {"metadata": {}}], 120_000).level == "ok"
    found = of_overdue(late, 120_000)
    assert (found.level, found.text) == ("wrong", "4 jobs overdue: a/b, a/c, a/d and 1 more; since 2m")


def test_workers_and_lag() -> None:
    card = WorkerCard("w-1", "i", {"default": 10}, ())
    late = Backlog("slow", Lane.LOW, 5, 2, 61_000)

    assert [one.level for one in of_workers([], {"default"})] == ["wrong"]
    assert [(one.level, one.text) for one in of_workers([card], {"default", "slow"})] == [
        ("ok", "1 live, for 10 runs at a time"),
        ("warning", "no worker serves queue slow"),
    ]
    (wrong,) = of_lag([late, Backlog("default", Lane.HIGH, 1, 0, 59_000)], {})
    assert (wrong.level, wrong.text) == ("wrong", "3 run(s) wait in slow/low, the oldest for 1m1s")
    (held,) = of_lag([late], {"slow": QueuePause(0)})
    assert (held.level, held.do) == ("warning", "`kronstream resume --queue slow`")
    assert [one.level for one in of_lag([], {})] == ["ok"]


def test_letters_and_jobs() -> None:
    meta = {"namespace": "a", "name": "b"}
    unseen = {"metadata": meta}
    stalled = {
        "metadata": meta,
        "status": {"observedGeneration": 1, "conditions": [{"type": "Stalled", "status": "True"}]},
    }
    well = {"metadata": meta, "status": {"observedGeneration": 1}}

    assert [of_letters(*counts).level for counts in ((0, 0), (0, 1), (1, 0))] == ["ok", "warning", "warning"]
    assert of_jobs([well]).level == "ok"
    assert of_jobs([well, stalled]).text == "1 of 2 cannot be used, such as a/b"
    assert of_jobs([well, stalled, unseen]).level == "wrong"
