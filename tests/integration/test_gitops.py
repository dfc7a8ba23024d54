"""The GitOps examples: their values are the chart's, and the health script tells what the status says.

Argo CD runs Lua 5.1, as Redis does.
"""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from redis import Redis

from integration.charting import CHART, ROOT, Helm
from kronstream.dev.controlplane import ControlPlane

FOLDER = ROOT / "examples" / "gitops"
SCRIPTS = yaml.safe_load((FOLDER / "argocd-health.yaml").read_text("utf-8"))["data"]
READY = {"type": "Ready", "status": "True", "message": "fine"}
STALLED = {"type": "Stalled", "status": "True", "message": "no such zone"}


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((FOLDER / name).read_text("utf-8")))


@pytest.mark.parametrize("name", ["argocd-application.yaml", "flux-helmrelease.yaml"])
def test_its_values_can_be_used(name: str, tmp_path: Path) -> None:
    spec = documents(name)[-1]["spec"]
    values = spec["values"] if "values" in spec else spec["source"]["helm"]["valuesObject"]
    text = Helm(tmp_path)("template", "kronstream", str(CHART), "-f", "-", stdin=yaml.safe_dump(values))
    kinds = {item["kind"] for item in yaml.safe_load_all(text) if item}
    assert {"Deployment", "CustomResourceDefinition"} <= kinds


def test_argo_renders_the_same_each_time(tmp_path: Path) -> None:
    values = yaml.safe_dump(documents("argocd-application.yaml")[0]["spec"]["source"]["helm"]["valuesObject"])
    helm = Helm(tmp_path)
    first, second = (helm("template", "kronstream", str(CHART), "-f", "-", stdin=values) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("kind", ["ScheduledJob", "EventHandler"])
@pytest.mark.parametrize(
    ("given", "health"),
    [
        ({"metadata": {"generation": 1}, "spec": {}}, "Progressing"),
        ({"metadata": {"generation": 1}, "spec": {}, "status": {"observedGeneration": -1}}, "Progressing"),
        ({"metadata": {"generation": 2}, "spec": {}, "status": {"observedGeneration": 1}}, "Progressing"),
        ({"spec": {"suspend": True}, "status": {"conditions": [READY]}}, "Suspended"),
        ({"spec": {}, "status": {"conditions": [{**READY, "status": "False"}, STALLED]}}, "Degraded"),
        ({"spec": {}, "status": {"conditions": [READY, {**STALLED, "status": "False"}]}}, "Healthy"),
        ({"spec": {}, "status": {"conditions": [{**READY, "status": "Unknown"}]}}, "Progressing"),
    ],
)
def test_health(kind: str, given: dict[str, Any], health: str, controlplane: ControlPlane) -> None:
    given = {"metadata": {"generation": 1}, **given}
    if "status" in given:
        given["status"] = {"observedGeneration": 1, **given["status"]}
    script = SCRIPTS[f"resource.customizations.health.kronstream.dev_{kind}"]
    wrapped = (
        f"local obj = cjson.decode(ARGV[1])\nlocal judge = function()\n{script}\nend\nreturn cjson.encode(judge())"
    )
    with Redis.from_url(controlplane.redis_url) as redis:
        found = json.loads(redis.eval(wrapped, 0, json.dumps(given)))
    assert found["status"] == health
    if health == "Degraded":
        assert found["message"] == "no such zone"
