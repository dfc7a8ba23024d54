"""The cluster that KUBECONFIG names, through kubectl and helm."""

import contextlib
import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

Object = dict[str, Any]
ROOT = Path(__file__).parents[1]
_FORWARDED = re.compile(r"127\.0\.0\.1:(\d+) ->")


class RefusedError(AssertionError):
    """A program ended with another code than 0; the text is its command and what it said."""


def run(*command: str, stdin: str | None = None, limit: float = 60, environ: Mapping[str, str] | None = None) -> str:
    """What the program prints. Raises RefusedError when it fails or takes more than `limit` seconds."""
    try:
        ended = subprocess.run(
            command, input=stdin, stdin=subprocess.DEVNULL if stdin is None else None, capture_output=True, text=True,
            timeout=limit, check=False, env={**os.environ, **(environ or {})},
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise RefusedError(f"{shlex.join(command)}: no end within {limit:.0f} s; {error.stderr!r}") from None
    if ended.returncode:
        raise RefusedError(
            f"{shlex.join(command)} ended with {ended.returncode}: {ended.stderr.strip()} {ended.stdout}"
        )
    return ended.stdout


class Cluster:
    """kubectl as a function. `namespace` is where objects are that name none."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        self.program = os.environ.get("KUBECTL", "kubectl")

    def __call__(self, *arguments: str, stdin: str | None = None, limit: float = 60) -> str:
        """What `kubectl ARGUMENTS` prints. Raises RefusedError."""
        return run(self.program, "-n", self.namespace, *arguments, stdin=stdin, limit=limit)

    def read(self, *arguments: str) -> Object:
        """What `kubectl get ARGUMENTS` answers. Raises RefusedError."""
        answer = json.loads(self("get", *arguments, "-o", "json"))
        assert isinstance(answer, dict)
        return answer

    def items(self, *arguments: str) -> list[Object]:
        """The items of a list."""
        return list(self.read(*arguments)["items"])

    def apply(self, *objects: Object, dry: bool = False) -> str:
        """Apply objects, or have the server say what it would answer."""
        document = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        return self("apply", *(["--dry-run=server"] if dry else []), "-f", "-", stdin=document)

    def pods(self, component: str) -> list[Object]:
        """The Pods of a component that nobody deleted."""
        found = self.items("pods", "-l", f"app.kubernetes.io/component={component}")
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def ready(self, component: str) -> int:
        """How many Pods of a component are ready."""
        conditions = [pod.get("status", {}).get("conditions", []) for pod in self.pods(component)]
        return sum({"type": "Ready", "status": "True"}.items() <= each.items() for pod in conditions for each in pod)

    @contextlib.contextmanager
    def forwarded(self, target: str, port: int) -> Iterator[int]:
        """A port of 127.0.0.1 that leads to the target's port."""
        command = [self.program, "-n", self.namespace, "port-forward", target, f":{port}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as forward:
            try:
                assert forward.stdout is not None
                found = _FORWARDED.search(forward.stdout.readline())
                assert found, f"{shlex.join(command)}: {forward.stderr.read() if forward.stderr else ''}"
                yield int(found[1])
            finally:
                forward.terminate()


def load(archives: list[str]) -> None:
    """Bring image archives to the cluster's nodes by the command that E2E_LOAD names; without one the cluster pulls."""
    loader = shlex.split(os.environ.get("E2E_LOAD", ""))
    for archive in archives if loader else ():
        run(*loader, archive, limit=600)
