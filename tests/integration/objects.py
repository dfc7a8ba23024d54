"""ScheduledJobs and EventHandlers on the API server, as a test writes, reads and watches them."""

import http.client
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

from eventually import eventually
from kronstream.dev.controlplane import ControlPlane

Object = dict[str, Any]
KINDS = "/apis/kronstream.dev/v1/namespaces/{}/{}"
JOBS = "/apis/kronstream.dev/v1/namespaces/{}/scheduledjobs"
PLURALS = {"ScheduledJob": "scheduledjobs", "EventHandler": "eventhandlers"}
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"


class RefusedError(AssertionError):
    """The API server answered with a failure."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class Objects:
    """The API server as its admin, with one connection per thread: kubectl costs a tenth of a second each time.

    With ``account``, one of kronstream's service accounts, with the rights of that one.
    """

    def __init__(self, plane: ControlPlane, account: str = "") -> None:
        self._who = {"Impersonate-User": f"system:serviceaccount:kronstream-system:{account}"} if account else {}
        self._port = plane.ports.apiserver
        pki = plane.folder / "pki"
        self._context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        self._context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
        self._local = threading.local()

    def send(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> Object:
        """One request; raises RefusedError, or OSError when the server is away."""
        headers = {"Accept": "application/json", "Content-Type": kind, **self._who}
        content = None if body is None else json.dumps(body)
        for again in (True, False):
            connection = self._connection()
            try:
                connection.request(method, path, content, headers)
                answer = connection.getresponse()
                data = json.loads(answer.read())
                break
            except (OSError, http.client.HTTPException):
                connection.close()  # idle for too long, or the server was started anew
                if not again:
                    raise
        if answer.status >= 400:
            raise RefusedError(answer.status, data.get("message", str(data)))
        return data

    def apply(self, job: Object) -> Object:
        """As `kubectl apply --server-side` does: creates or edits; returns the object."""
        name, query = job["metadata"]["name"], urlencode({"fieldManager": "test", "force": "true"})
        return self.send("PATCH", f"{_path(job)}/{name}?{query}", job, APPLY)

    def patch(self, job: Object, **spec: Any) -> Object:
        """Changes fields of a spec; None removes one."""
        return self.send("PATCH", f"{_path(job)}/{job['metadata']['name']}", {"spec": spec}, MERGE)

    def annotate(self, job: Object, name: str, value: str) -> Object:
        """Sets an annotation."""
        path = f"{_path(job)}/{job['metadata']['name']}"
        return self.send("PATCH", path, {"metadata": {"annotations": {name: value}}}, MERGE)

    def get(self, job: Object) -> Object:
        """The object as it is now."""
        return self.send("GET", f"{_path(job)}/{job['metadata']['name']}")

    def all(self, namespace: str = "default") -> list[Object]:
        """Every ScheduledJob of a namespace, in one request."""
        return self.send("GET", JOBS.format(namespace))["items"]

    def delete(self, job: Object) -> None:
        """Deletes it."""
        self.send("DELETE", f"{_path(job)}/{job['metadata']['name']}")

    def delete_all(self, namespace: str) -> None:
        """Deletes every ScheduledJob and EventHandler of a namespace."""
        for plural in PLURALS.values():
            self.send("DELETE", KINDS.format(namespace, plural))

    def events(self, job: Object) -> list[Object]:
        """The Events about this very object."""
        namespace, uid = job["metadata"]["namespace"], job["metadata"]["uid"]
        query = urlencode({"fieldSelector": f"involvedObject.uid={uid}"})
        return self.send("GET", f"/api/v1/namespaces/{namespace}/events?{query}")["items"]

    def watch(self, job: Object, seconds: float) -> Iterator[Object]:
        """Every version of the job from this one on, as the server reports it, for so many seconds."""
        meta = job["metadata"]
        query = urlencode(
            {
                "watch": "true",
                "fieldSelector": f"metadata.name={meta['name']}",
                "resourceVersion": meta["resourceVersion"],
            }
        )
        connection = self._connect(timeout=seconds)
        try:
            connection.request("GET", f"{_path(job)}?{query}", headers={"Accept": "application/json"})
            answer = connection.getresponse()
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline and (line := answer.readline()):
                yield json.loads(line)["object"]
        except TimeoutError:
            return
        finally:
            connection.close()

    def wait(self, job: Object, until: Callable[[Object], Any], within: float = 10.0) -> Object:
        """The job once `until` holds for it; asked every 20 ms, so that nothing is missed over a restart."""

        def holding() -> Object:
            found = self.get(job)
            try:
                holds = until(found)
            except KeyError:
                holds = False  # a field that is not there yet
            assert holds, f"not within {within} s: {json.dumps(found, indent=1)}"
            return found

        return eventually(holding, within)

    def _connect(self, timeout: float = 30.0) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection("127.0.0.1", self._port, timeout=timeout, context=self._context)

    def _connection(self) -> http.client.HTTPSConnection:
        if not hasattr(self._local, "connection"):
            self._local.connection = self._connect()
        found: http.client.HTTPSConnection = self._local.connection
        return found


def scheduled(name: str, namespace: str = "default", /, function: str = "echo", **spec: Any) -> Object:
    """A ScheduledJob to apply."""
    return {
        "apiVersion": "kronstream.dev/v1",
        "kind": "ScheduledJob",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"handler": {"function": {"name": function}}, **spec},
    }


def handling(name: str, event: str, /, namespace: str = "default", *, action: Object, **spec: Any) -> Object:
    """An EventHandler to apply."""
    return {
        "apiVersion": "kronstream.dev/v1",
        "kind": "EventHandler",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"event": event, "action": action, **spec},
    }


def condition(job: Object, kind: str) -> Object:
    """The condition of a type; empty when there is none."""
    found = [each for each in job.get("status", {}).get("conditions", ()) if each["type"] == kind]
    return found[0] if found else {}


def ready(job: Object) -> bool:
    """Whether the operator has taken this generation in and says that it is Ready."""
    status = job.get("status", {})
    return (
        status.get("observedGeneration") == job["metadata"]["generation"]
        and condition(job, "Ready").get("status") == "True"
    )


def _path(job: Object) -> str:
    return KINDS.format(job["metadata"]["namespace"], PLURALS[job.get("kind", "ScheduledJob")])
