"""The chart as tests use it: helm, and what it renders as objects."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from kronstream.dev.binaries import find

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "kronstream"
SETS = sorted((CHART / "ci").glob("*-values.yaml"))
Object = dict[str, Any]
RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
CLUSTERED = frozenset(
    {"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "PriorityClass", "ValidatingWebhookConfiguration"}
)


class HelmError(Exception):
    """What helm said when it refused."""


class Helm:
    """helm on one cluster, with its files in a folder of its own."""

    def __init__(self, folder: Path, kubeconfig: Path | None = None) -> None:
        self.program = find(["helm"], os.environ).path("helm")
        places = {f"HELM_{name}_HOME": str(folder / name.lower()) for name in ("CACHE", "CONFIG", "DATA")}
        self.environ = {**os.environ, **places, "KUBECONFIG": str(kubeconfig or "/nowhere")}

    def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        """What it printed; raises HelmError with what it complained about."""
        done = subprocess.run(
            [self.program, *arguments], env=self.environ, input=stdin, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise HelmError(done.stdout + done.stderr)
        return done.stdout

    def render(
        self, *arguments: str, values: Path | None = None, release: str = "kronstream", namespace: str = "sched"
    ) -> list[Object]:
        """The objects of a release, hooks too."""
        files = ("-f", str(values)) if values else ()
        text = self("template", release, str(CHART), "-n", namespace, *files, *arguments)
        return [document for document in yaml.load_all(text, yaml.CSafeLoader) if document]

    def made(self, values: Object, release: str = "kronstream", namespace: str = "sched") -> list[Object]:
        """The objects of a release with these values, without the CRDs, whose reading takes long."""
        given = yaml.safe_dump({"crds": {"install": False}, **values})
        text = self("template", release, str(CHART), "-n", namespace, "-f", "-", stdin=given)
        return [document for document in yaml.load_all(text, yaml.CSafeLoader) if document]


def pods(objects: list[Object]) -> Iterator[Object]:
    """The Pods that controllers would make."""
    for item in objects:
        if item["kind"] in ("Deployment", "StatefulSet", "Job", "Pod"):
            template = item if item["kind"] == "Pod" else item["spec"]["template"]
            labels, spec = template["metadata"]["labels"], template["spec"]
            claims = [claim["metadata"]["name"] for claim in item["spec"].get("volumeClaimTemplates", ())]
            bound = [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in claims]
            yield {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": f"try-{item['metadata']['name']}", "labels": labels},
                "spec": {**spec, "volumes": [*spec["volumes"], *bound]},
            }


def listed(objects: list[Object]) -> dict[str, Any]:
    """The objects as one."""
    return {"apiVersion": "v1", "kind": "List", "items": objects}


def said(values: Path) -> str:
    """What a value set is called."""
    return values.name.removesuffix("-values.yaml")
