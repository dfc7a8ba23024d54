"""An installation that serves executions to kubectl: its extension API server, and what is asked of it."""

import json
import signal
import ssl
from http.client import HTTPSConnection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from eventually import eventually
from integration.installation import START, Installation
from integration.objects import Object
from kronstream.dev.controlplane import ControlPlane
from kronstream.dev.extension import Extension
from kronstream.dev.kubectl import Kubectl, KubectlError

APISERVICE = "v1.runs.kronstream.dev"
API_VERSION = "runs.kronstream.dev/v1"
BASE = f"/apis/{API_VERSION}"
EXPLAINED_WITHIN = 75.0  # a minute, where its first try met a server that was not available yet


class Served:
    """A context manager over a plane with aggregation; the operators look after the APIService."""

    def __init__(self, plane: ControlPlane, *, workers: int = 1, environ: dict[str, str] | None = None) -> None:
        self.plane = plane
        self.kubectl = plane.kubectl
        self.extension = Extension(plane)
        self.server = self.extension.component()
        self.environ = {**self.extension.operator_environ, **(environ or {})}
        self.installation = Installation(plane, operators=1, workers=workers, environ=self.environ)

    def __enter__(self) -> Self:
        self.plane.apply(json.dumps(self.extension.service))
        self.installation.__enter__()
        try:
            self.start()
            eventually(self.available, within=30)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.installation.close()
        self.server.process.stop()

    def start(self) -> None:
        """Starts the extension API server."""
        self.server.process.start()
        self.server.process.wait_until(self.server.ready, START)

    def kill(self) -> None:
        """It crashes."""
        self.server.process.stop(signal.SIGKILL)

    @property
    def log(self) -> str:
        """What the extension API server wrote."""
        return (self.plane.logs / "runs-apiserver-1.log").read_text(encoding="utf-8")

    def known(self) -> bool:
        """Whether the APIService is there."""
        return bool(self._apiservices())

    def available(self) -> bool:
        """Whether the APIService is there, and its server answers kube-apiserver."""
        return any(
            condition["type"] == "Available" and condition["status"] == "True"
            for one in self._apiservices()
            for condition in one.get("status", {}).get("conditions", ())
        )

    def _apiservices(self) -> list[Object]:
        # not by kubectl: who asks again and again would keep a processor busy
        found = self.installation.objects.send("GET", "/apis/apiregistration.k8s.io/v1/apiservices")["items"]
        return [one for one in found if one["metadata"]["name"] == APISERVICE]

    def explain(self, *arguments: str) -> str:
        """
        What `kubectl explain` tells of executions, as soon as it knows them.

        kube-apiserver asks for schemas a second after the server is there, a minute after where the first try failed;
        and it answers "not modified" to a kubectl that has the list of a moment before in the same second.
        """

        def told() -> str:
            try:
                return self.kubectl("explain", *arguments)
            except KubectlError as error:
                if "couldn't find resource" in error.said:
                    return ""
                raise

        return eventually(told, within=EXPLAINED_WITHIN)

    def executions(self, *arguments: str, kubectl: Kubectl | None = None) -> list[Object]:
        """What `kubectl get executions -o json` finds."""
        found: list[Object] = json.loads((kubectl or self.kubectl)("get", "kex", "-o", "json", *arguments))["items"]
        return found

    def create(self, namespace: str = "default", /, *arguments: str, name: str = "", **spec: Any) -> str:
        """Creates an execution; its name."""
        meta: dict[str, str] = {"name": name} if name else {"generateName": "now-"}
        body = {"apiVersion": API_VERSION, "kind": "Execution", "metadata": meta, "spec": spec}
        said = self.kubectl("create", "-n", namespace, "-o", "name", "-f", "-", *arguments, stdin=json.dumps(body))
        return said.strip().partition("/")[2]

    def run(self, namespace: str, job: str, **spec: Any) -> str:
        """Runs a job that was just applied, once an operator has taken it into force; the execution's name."""

        def asked() -> str:
            try:
                return self.create(namespace, job=job, **spec)
            except KubectlError as error:
                if "not found" in error.said:
                    return ""
                raise

        return eventually(asked)

    def direct(self, path: str, pair: tuple[Path, Path] | None = None, **headers: str) -> tuple[int, Any]:
        """A request straight to its port, without kube-apiserver; status and JSON."""
        context = ssl.create_default_context(cafile=str(self.plane.authority))
        if pair is not None:
            context.load_cert_chain(*pair)
        connection = HTTPSConnection("localhost", self.extension.port, timeout=10, context=context)
        try:
            connection.request("GET", path, headers={name.replace("_", "-"): text for name, text in headers.items()})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        finally:
            connection.close()
