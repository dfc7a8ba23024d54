"""`kronstream doctor` on real parts that are broken one by one: the line that tells it, and the line that says what to
do. No kronstream process runs here but the doctor."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from redis import Redis

from eventually import eventually
from integration.objects import Object, Objects, handling, scheduled
from kronstream import __version__
from kronstream.dev.controlplane import ControlPlane
from kronstream.dev.kubectl import Kubectl
from kronstream.streams.eventlog import DEFAULT_GROUP
from kronstream.streams.keys import Keys

Doctor = Callable[..., list[str]]
KEYS = Keys()
DEPLOYMENTS = "/apis/apps/v1/namespaces/kronstream-system/deployments"


@pytest.fixture
def redis(controlplane: ControlPlane) -> Iterator[Redis]:
    """Empty, and afterwards empty again and as it was set."""
    client: Redis = Redis.from_url(controlplane.redis_url, decode_responses=True)
    before = {name: client.config_get(name)[name] for name in ("maxmemory-policy", "maxmemory", "appendonly")}
    client.flushall()
    yield client
    for name, value in before.items():
        client.config_set(name, value)
    client.flushall()
    client.close()


@pytest.fixture(scope="module", autouse=True)
def undeployed(kubectl: Kubectl) -> None:
    """Deployments that other files left on the control plane, where no Pod ever runs, are not what is looked at."""
    kubectl("delete", "deployments", "--all-namespaces", "-l", "app.kubernetes.io/name=kronstream")


@pytest.fixture
def objects(controlplane: ControlPlane) -> Objects:
    return Objects(controlplane)


@pytest.fixture
def doctor(controlplane: ControlPlane, redis: Redis, tmp_path: Path) -> Doctor:
    """The lines that the doctor prints; `wrong` tells whether it is to find something."""
    plain = {name: text for name, text in os.environ.items() if not name.startswith(("KRONSTREAM_", "KUBECONFIG"))}
    given = {"KUBECONFIG": str(controlplane.kubeconfig), "KRONSTREAM_REDIS_URL": controlplane.redis_url}

    def call(*arguments: str, wrong: bool = True, **environ: str) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-m", "kronstream.cli.main", "doctor", *arguments], env={**plain, **given, **environ},
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == int(wrong), done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout.splitlines()

    return call


def told(lines: list[str], begin: str) -> str:
    """What to do about the line that begins so."""
    at = next((number for number, line in enumerate(lines) if line.startswith(begin)), None)
    assert at is not None, "\n".join(lines)
    return lines[at + 1].strip()


def live(redis: Redis) -> None:
    """As heartbeats of an operator, a router and a worker leave it; ahead, so that a slow doctor finds them young."""
    seconds, micros = redis.time()
    now = (seconds + 60) * 1000 + micros // 1000
    redis.hset(KEYS.replicas, "operator-1", now)
    redis.zadd(KEYS.routers, {"router-1": now})
    redis.zadd(KEYS.workers, {"worker-1": now})
    card = {"consumer": "worker-1", "incarnation": "i", "queues": {"default": 2}, "functions": []}
    redis.hset(KEYS.worker("worker-1"), mapping={"card": json.dumps(card), "beat": now})
    redis.set(KEYS.epoch, "e")


def test_nothing_is_wrong_with_what_is_well(doctor: Doctor, redis: Redis) -> None:
    live(redis)

    lines = doctor(wrong=False)

    assert {line[:7].strip() for line in lines if line[0] != " "} <= {"ok", "look"}
    for line in (
        "ok     Operators: 1 live: operator-1",
        "ok     Routers: 1 live: router-1",
        "ok     Workers: 1 live, for 2 runs at a time",
        "ok     Clocks: Redis' clock and the one here agree",
        "ok     Clocks: the API server's clock and the one here agree",
        "ok     Lag: no job is overdue",
        "ok     Deployments: none has the label app.kubernetes.io/name=kronstream: the parts run otherwise",
    ):
        assert line in lines


def test_replicas_that_are_gone_or_silent(doctor: Doctor, redis: Redis, objects: Objects) -> None:
    seconds, _ = redis.time()
    redis.hset(KEYS.replicas, "operator-9", (seconds - 20) * 1000)
    handler = objects.apply(handling("hears", "a.b", action={"runJob": {"name": "x"}}))
    try:
        lines = doctor()
    finally:
        objects.delete(handler)

    assert told(lines, "WRONG  Operators: no operator lives").startswith("start one: `kronstream operator`")
    begin = r"look   Operators: operator-9 was last heard [23]\d ?s ago"
    (silent,) = (line for line in lines if re.match(begin, line))
    assert told(lines, silent).startswith("look at its log")
    assert "kronstream router" in told(lines, "WRONG  Routers: no router lives: events wait for 1 EventHandler")
    assert "kronstream worker" in told(lines, "WRONG  Workers: no worker lives")
    assert told(lines, "look   Events: nobody reads stream:events").startswith("is a router running?")


def test_a_store_that_was_lost(doctor: Doctor, redis: Redis) -> None:
    live(redis)
    redis.delete(KEYS.epoch)

    assert told(doctor(wrong=False), "look   Operators: Redis was lost").startswith("wait a minute")


def test_redis_that_evicts_forgets_and_is_full(doctor: Doctor, redis: Redis) -> None:
    live(redis)
    redis.config_set("maxmemory-policy", "allkeys-lru")
    redis.config_set("appendonly", "no")
    redis.config_set("maxmemory", int(redis.info()["used_memory"]) * 10 // 9)

    lines = doctor()

    assert "CONFIG SET maxmemory-policy noeviction" in told(lines, "WRONG  Redis: Redis may evict keys")
    assert "appendonly yes" in told(lines, "look   Redis: what is written is lost when Redis ends")
    (full,) = (line for line in lines if re.fullmatch(r"look   Redis: \d\d % of maxmemory are used", line))
    assert told(lines, full).startswith("raise maxmemory")


@pytest.mark.parametrize(("ahead", "level"), [(8, "look "), (60, "WRONG")])
def test_a_clock_that_is_wrong(doctor: Doctor, redis: Redis, tmp_path: Path, ahead: int, level: str) -> None:
    live(redis)
    (tmp_path / "sitecustomize.py").write_text(
        f"import time\nright = time.time\ntime.time = lambda: right() + {ahead}\n"
    )

    lines = doctor(wrong=level == "WRONG", PYTHONPATH=str(tmp_path))

    for whose in ("Redis'", "the API server's"):
        assert "NTP or chrony" in told(lines, f"{level}  Clocks: {whose} clock is ")
        assert any(f"{whose} clock is" in line and line.endswith("behind the one here") for line in lines)


def test_a_kind_that_is_missing(doctor: Doctor, redis: Redis, controlplane: ControlPlane, objects: Objects) -> None:
    live(redis)
    name = "eventhandlers.kronstream.dev"
    place = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}"
    objects.send("DELETE", place)
    try:
        lines = doctor()
    finally:
        # it may be on its way still, and would take what is installed along
        eventually(lambda: not controlplane.api.ok(place), within=60)
        controlplane.install()

    assert told(lines, f"WRONG  CRDs: {name} ").startswith(("run `kronstream crds", "see `kubectl describe crd"))
    assert "ok     CRDs: scheduledjobs.kronstream.dev is in force" in lines


def test_rights_that_are_missing_are_named(
    doctor: Doctor, redis: Redis, controlplane: ControlPlane, objects: Objects
) -> None:
    live(redis)
    role = "/apis/rbac.authorization.k8s.io/v1/clusterroles/kronstream-worker"
    whole = objects.send("GET", role)
    fewer = [rule for rule in whole["rules"] if "jobs" not in rule.get("resources", ())]
    assert fewer != whole["rules"]
    objects.send("PATCH", role, {"rules": fewer}, "application/merge-patch+json")
    try:
        lines = doctor()
    finally:
        controlplane.install()

    begin = "WRONG  RBAC: kronstream-system:kronstream-worker may not "
    assert told(lines, begin) == "apply deploy/ (or the chart) of this version"
    (line,) = (line for line in lines if line.startswith(begin))
    assert "create jobs.batch" in line


def test_who_may_look_at_little_is_told_which_rights_it_takes(
    doctor: Doctor, redis: Redis, controlplane: ControlPlane, objects: Objects, tmp_path: Path
) -> None:
    live(redis)
    accounts = "/api/v1/namespaces/default/serviceaccounts"
    objects.send("POST", accounts, {"metadata": {"name": "nobody"}})
    asked = {"spec": {"expirationSeconds": 600}}
    token = objects.send("POST", f"{accounts}/nobody/token", asked)["status"]["token"]
    config = yaml.safe_load(controlplane.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": token}
    file = tmp_path / "config"
    file.write_text(yaml.safe_dump(config))

    lines = doctor(wrong=False, KUBECONFIG=str(file))

    for area, right in (
        ("CRDs", "get customresourcedefinitions.apiextensions.k8s.io"),
        ("Deployments", "list deployments.apps"),
        ("Jobs", "list scheduledjobs.kronstream.dev"),
        ("EventHandlers", "list eventhandlers.kronstream.dev"),
    ):
        assert told(lines, f"look   {area}: could not be looked at: you may not {right}") == "call as somebody who may"
    assert "deployments.apps" in told(lines, "look   RBAC: could not be looked at: which accounts the parts have")
    config["users"][0]["user"] = {"token": "x"}
    file.write_text(yaml.safe_dump(config))
    assert told(doctor(KUBECONFIG=str(file)), "WRONG  CRDs: the cluster refuses: 401")


def deployment(name: str, tag: str) -> Object:
    labels = {"app.kubernetes.io/name": "kronstream", "app.kubernetes.io/component": name}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "x", "image": f"kronstream:{tag}"}]}}
    return {
        "metadata": {"name": f"kronstream-{name}", "labels": labels},
        "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": pod},
    }


def test_deployments_without_their_replicas_and_of_two_versions(doctor: Doctor, redis: Redis, objects: Objects) -> None:
    live(redis)
    for name, tag, ready in (("operator", __version__, 2), ("worker", __version__, 1), ("api", "0.0.9", 0)):
        objects.send("POST", DEPLOYMENTS, deployment(name, tag))
        status = {"status": {"replicas": 2, "readyReplicas": ready}}
        objects.send("PATCH", f"{DEPLOYMENTS}/kronstream-{name}/status", status, "application/merge-patch+json")
    try:
        lines = doctor()
    finally:
        for name in ("operator", "worker", "api"):
            objects.send("DELETE", f"{DEPLOYMENTS}/kronstream-{name}")

    assert "ok     Deployments: kronstream-system/kronstream-operator: 2 of 2 replicas are ready" in lines
    assert told(lines, "look   Deployments: kronstream-system/kronstream-worker: 1 of 2 replicas are ready")
    do = told(lines, "WRONG  Deployments: kronstream-system/kronstream-api: 0 of 2 replicas are ready")
    assert (
        do == "`kubectl -n kronstream-system describe deployment kronstream-api`, and `logs deployment/kronstream-api`"
    )
    assert (
        told(lines, "look   Versions: the parts differ: 0.0.9: kronstream-api; ")
        == "let all Deployments have one image"
    )


def test_what_is_late_is_told(doctor: Doctor, redis: Redis, objects: Objects) -> None:
    live(redis)
    job = objects.apply(scheduled("late", "default", every="1h"))
    handler = objects.apply(handling("hears", "a.b", action={"runJob": {"name": "late"}}))
    status = {"status": {"observedGeneration": 1, "suspended": "No", "nextRunTime": "2026-01-01T00:00:00.000Z"}}
    path = "/apis/kronstream.dev/v1/namespaces/default/scheduledjobs/late/status"
    objects.send("PATCH", path, status, "application/merge-patch+json")
    redis.xgroup_create("stream:events", DEFAULT_GROUP, "0", mkstream=True)
    redis.xadd("stream:events", {"event": "{}"}, id=f"{int(time.time() - 300) * 1000}-1")
    redis.xadd(KEYS.dead, {"kind": "entry", "reason": "nonsense"})
    try:
        lines = doctor()
    finally:
        objects.delete(job)
        objects.delete(handler)

    assert told(lines, "WRONG  Lag: 1 job overdue: default/late; since ").startswith("look at the operators' logs")
    assert told(lines, "WRONG  Events: 1 event waits in stream:events, the oldest for 5m").startswith(
        "look at the router"
    )
    assert "dead-letters list" in told(lines, "look   Dead letters: 1 of runs, 0 of events")


def test_an_api_that_does_not_answer(doctor: Doctor, redis: Redis) -> None:
    live(redis)

    assert "--server" in told(doctor("--server", "http://127.0.0.1:1"), "WRONG  API: no answer from http://127.0.0.1:1")
    assert told(doctor("--server", "ftp://x"), "WRONG  API: --server 'ftp://x' cannot be used") == (
        "write one like http://127.0.0.1:3051"
    )
