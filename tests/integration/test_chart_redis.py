"""The Redis of the chart, run here by its command, and what scales workers, against the streams as they are."""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from redis import Redis
from redis.exceptions import RedisError

from eventually import eventually
from integration.charting import CHART, Helm, Object, pods
from kronstream.dev.loopback import free_ports
from kronstream.dev.redisserver import find_redis
from kronstream.settings import RedisSettings
from kronstream.streams.connection import connect, verify
from kronstream.streams.keys import Keys

PASSWORD = "a b/c'+\"$HOME"


@pytest.fixture
def embedded(helm: Helm, tmp_path: Path) -> Iterator[str]:
    """The address of a server with the arguments of the chart's container, at another port and folder."""
    (pod,) = [
        pod
        for pod in pods(helm.render(values=CHART / "ci" / "embedded-values.yaml"))
        if pod["metadata"]["labels"]["app.kubernetes.io/component"] == "redis"
    ]
    (container,) = pod["spec"]["containers"]
    (port,) = free_ports(1)
    told = [one.replace("$(REDIS_PASSWORD)", PASSWORD).replace("/data", str(tmp_path)) for one in container["args"]]
    command = [str(find_redis(os.environ)), *told, "--port", str(port), "--bind", "127.0.0.1"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        yield f"redis://127.0.0.1:{port}/0"
        server.terminate()


def test_the_embedded_redis_may_be_dispatched_into(embedded: str) -> None:
    url = RedisSettings(url=embedded, password=PASSWORD).url

    async def judged() -> bool:
        redis = connect(url)
        try:
            await verify(redis)
        finally:
            await redis.aclose()
        return True

    def up() -> bool:
        try:
            return asyncio.run(judged())
        except (RedisError, OSError):
            return False

    eventually(up, 20)
    with Redis.from_url(url, decode_responses=True) as redis:
        assert redis.config_get("appendonly", "appendfsync", "maxmemory", "save") == {
            "appendonly": "yes",
            "appendfsync": "everysec",
            "maxmemory": str(512 * 1024**2),
            "save": "",
        }
    environ = {**os.environ, "KRONSTREAM_REDIS_URL": embedded, "KRONSTREAM_REDIS_PASSWORD": PASSWORD}
    said = subprocess.run(
        [sys.executable, "-m", "kronstream.cli.chart", "answers"],
        env=environ, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said.stdout == "Redis: ok\n"
    with Redis.from_url(embedded) as anybody, pytest.raises(RedisError, match=r"(?i)authenticat"):
        anybody.ping()


def triggers(objects: list[Object], name: str) -> list[Object]:
    (scaled,) = [item for item in objects if (item["kind"], item["metadata"]["name"]) == ("ScaledObject", name)]
    return [trigger["metadata"] for trigger in scaled["spec"]["triggers"]]


def test_keda_looks_at_the_streams_of_the_pool(helm: Helm) -> None:
    objects = helm.render(values=CHART / "ci" / "keda-values.yaml")
    keys = Keys()

    of_default = {one["stream"] for one in triggers(objects, "kronstream-worker")}
    of_rare = {one["stream"] for one in triggers(objects, "kronstream-worker-rare")}

    assert of_default == {keys.lane("default", lane) for lane in ("critical", "high", "medium", "low")}
    assert of_rare == {keys.lane(queue, lane) for queue in ("rare", "seldom") for lane in ("high", "medium")}
    for one in triggers(objects, "kronstream-worker"):
        assert (one["address"], one["streamLength"], one["enableTLS"]) == ("redis.data:6379", "10", "true")


def test_a_pool_that_is_scaled_states_no_replicas(helm: Helm) -> None:
    for name in ("keda", "hpa"):
        objects = helm.render(values=CHART / "ci" / f"{name}-values.yaml")
        stated = {
            item["metadata"]["name"]: "replicas" in item["spec"] for item in objects if item["kind"] == "Deployment"
        }
        assert stated["kronstream-operator"]
        assert not stated["kronstream-worker"]


def test_alerts_and_dashboards_are_what_the_files_say(helm: Helm) -> None:
    objects = helm.render(values=CHART / "ci" / "monitoring-values.yaml")
    rules = [item["spec"] for item in objects if item["kind"] == "PrometheusRule"]
    alerts = sorted((CHART / "files" / "alerts").glob("*.yaml"))
    # but for the addresses of runbooks, which are whole ones
    texts = [
        file.read_text("utf-8").replace(": docs/runbooks/", ": https://kronstream.dev/docs/runbooks/")
        for file in alerts
    ]
    assert rules == [yaml.safe_load(text) for text in texts]
    boards = {file.name: json.loads(file.read_text("utf-8")) for file in (CHART / "files").glob("dashboards/*.json")}
    maps = [item["data"] for item in objects if item["kind"] == "ConfigMap"]
    assert {name: json.loads(text) for data in maps for name, text in data.items()} == boards
    for item in objects:
        assert re.fullmatch(r"[a-z0-9.:-]{1,63}", item["metadata"]["name"])
