"""What `doctor` makes of what it saw."""

from copy import deepcopy
from typing import Any

import pytest

from kronstream.cli.diagnosis import (
    Finding,
    of_clock,
    of_crd,
    of_jobs,
    of_lag,
    of_letters,
    of_owner,
    of_redis,
    of_rights,
    of_workers,
)
from kronstream.dev import manifests
from kronstream.domain.run import Lane
from kronstream.ports import Backlog, QueuePause, WorkerCard

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
    assert of_rights("a:b", ["list x", "get x"], 9).text == "a:b may not list x and 1 more"


@pytest.mark.parametrize(
    ("owner", "cluster", "level"),
    [(None, "a", "ok"), (None, "", "ok"), ("a", "a", "ok"), ("a", "", "warning"), ("a", "b", "wrong")],
)
def test_owner(owner: str | None, cluster: str, level: str) -> None:
    found = of_owner(owner, cluster)
    assert found.level == level
    assert ("KRONSTREAM_TAKE_OVER=a" in found.do) == (level == "wrong")


@pytest.mark.parametrize(
    ("info", "unsuitable", "found"),
    [
        ({}, "", ["ok", "ok"]),
        ({}, "Redis may evict keys (maxmemory-policy allkeys-lru): run `CONFIG SET …`", ["wrong", "ok"]),
        ({"aof_enabled": 0}, "", ["ok", "warning"]),
        ({"aof_last_write_status": "err"}, "", ["ok", "wrong"]),
        ({"maxmemory": 100, "used_memory": 81}, "", ["ok", "ok", "warning"]),
    ],
)
def test_redis(info: dict[str, Any], unsuitable: str, found: list[str]) -> None:
    findings = list(of_redis({**GOOD, **info}, unsuitable))

    assert [one.level for one in findings] == found
    assert all(one.do for one in findings if one.level != "ok")
    if unsuitable:
        assert findings[0].do == "run `CONFIG SET …`"


@pytest.mark.parametrize(("theirs", "level"), [(1_000, "ok"), (3_500, "warning"), (-20_000, "wrong")])
def test_clocks(theirs: int, level: str) -> None:
    assert of_clock(theirs, 0, 100).level == level
    assert of_clock(3_500, 0, 3_000).level == "ok", "the answer may have taken that long"


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
