"""The release of the chart that the suite is about."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from e2e.cluster import ROOT, Cluster, run

NAME = "kronstream"
PATIENCE = 600  # seconds an upgrade may take
HANDLERS = "e2e-handlers"
STORAGE = os.environ.get("E2E_STORAGE", "")  # a storage class, with which Redis keeps its data
COMPONENTS = ("operator", "worker", "api", "runs-apiserver", "webhook", "redis")


def image_values(image: str) -> dict[str, str]:
    """The chart's `image` for a reference, as repository:tag or repository@digest."""
    repository, at, digest = image.partition("@")
    if at:
        return {"repository": repository, "digest": digest}
    repository, _, tag = image.rpartition(":")
    return {"repository": repository, "tag": tag}


def values() -> dict[str, Any]:
    """The chart's values: everything that it has, a single Redis for trying, functions from a ConfigMap."""
    password = {"name": f"{NAME}-redis", "key": "password"}
    return {
        "image": image_values(os.environ.get("E2E_IMAGE", "kronstream:0.1.0")),
        "redis": {
            "embedded": {
                "enabled": True,
                "image": os.environ.get("E2E_REDIS_IMAGE", "docker.io/valkey/valkey:8-alpine"),
                "command": os.environ.get("E2E_REDIS_COMMAND", "valkey-server"),
                "persistence": {"enabled": bool(STORAGE), "storageClass": STORAGE},
            }
        },
        "workerDefaults": {
            "replicas": None,  # one, and as many as somebody scales it to
            "handlers": {"configMap": HANDLERS},
            "env": [
                {"name": "WITNESS_PASSWORD", "valueFrom": {"secretKeyRef": password}},
                {"name": "WITNESS_HOST", "value": f"{NAME}-redis"},
            ],
        },
        "workers": [{"name": "default"}],
        "runs": {"enabled": True},
        "webhook": {"enabled": True},
    }


def marked(text: str) -> dict[str, Any]:
    """Values by which every Pod is replaced, but that of Redis, which is a single one and would lose what it has."""
    pods = {"pods": {"annotations": {"kronstream.dev/e2e": text}}}
    return dict.fromkeys(("operator", "workerDefaults", "api", "runs", "webhook"), pods)


class Release:
    """Installs, upgrades, rolls back and removes it. `changed` are values on top of `values()`, which last."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster = cluster
        self._values = folder / "values.json"
        self._helm = os.environ.get("HELM", "helm")
        self.changed: dict[str, Any] = {}

    def helm(self, *arguments: str, limit: float = PATIENCE + 30) -> str:
        """What `helm ARGUMENTS` prints, in the release's namespace. Raises RefusedError."""
        return run(self._helm, "-n", self.cluster.namespace, *arguments, limit=limit)

    def upgrade(self, **changes: Any) -> str:
        """Install or upgrade, and wait until every Pod is ready."""
        self.changed = merged(self.changed, changes)
        self._values.write_text(json.dumps(merged(values(), self.changed)), encoding="utf-8")
        more = [argument for file in os.environ.get("E2E_VALUES", "").split() for argument in ("-f", file)]
        chart = os.environ.get("E2E_CHART") or str(ROOT / "charts" / "kronstream")
        return self.helm(
            "upgrade", "--install", NAME, chart, "-f", str(self._values), *more, "--wait", "--timeout", f"{PATIENCE}s"
        )

    def rollback(self) -> str:
        """Back to the revision before, and wait until every Pod is ready."""
        return self.helm("rollback", NAME, "--wait", "--timeout", f"{PATIENCE}s")

    def rolled_out(self) -> None:
        """Wait until every Deployment is as it is to be."""
        self.cluster("rollout", "status", "deployment", f"--timeout={PATIENCE}s", limit=PATIENCE + 30)


def merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Mappings one over the other, as helm does with values."""
    both = dict(under)
    for key, value in over.items():
        below = both.get(key)
        both[key] = merged(below, value) if isinstance(value, Mapping) and isinstance(below, Mapping) else value
    return both
