"""What a kubelet would write: the tests play its part, on a control plane that makes Jobs' Pods but has no node."""

from typing import Any

from eventually import eventually
from integration.objects import MERGE, Object, Objects, RefusedError

JOBS = "/apis/batch/v1/namespaces/{}/jobs"
PODS = "/api/v1/namespaces/{}/pods"


class Kubelet:
    """Jobs and Pods of one namespace."""

    def __init__(self, objects: Objects, namespace: str = "default") -> None:
        self.objects = objects
        self.namespace = namespace

    def jobs(self, job: Object) -> list[Object]:
        """The batch/v1 Jobs of a ScheduledJob."""
        uid = job["metadata"]["uid"]
        found = self.objects.send("GET", JOBS.format(self.namespace))["items"]
        return [one for one in found if any(o["uid"] == uid for o in one["metadata"].get("ownerReferences", ()))]

    def made(self, job: Object, number: int = 1) -> Object:
        """The Job of a ScheduledJob, once there are so many; the last."""
        eventually(lambda: len(self.jobs(job)) == number, within=20, because=f"{self.jobs(job)}")
        return max(self.jobs(job), key=lambda one: (one["metadata"]["creationTimestamp"], one["metadata"]["name"]))

    def gone(self, batch: Object) -> bool:
        """Whether this very Job is not there any more."""
        try:
            found = self.objects.send("GET", f"{JOBS.format(self.namespace)}/{batch['metadata']['name']}")
        except RefusedError as error:
            assert error.status == 404  # noqa: PT017
            return True
        return found["metadata"]["uid"] != batch["metadata"]["uid"] or "deletionTimestamp" in found["metadata"]

    def pod(self, batch: Object) -> Object:
        """The Pod of a Job, once the controller has made it."""

        def pods() -> list[Object]:
            label = f"batch.kubernetes.io/controller-uid={batch['metadata']['uid']}"
            return self.objects.send("GET", f"{PODS.format(self.namespace)}?labelSelector={label}")["items"]

        return eventually(pods, within=20)[0]

    def write(self, pod: Object, **status: Any) -> None:
        """Write the status of a Pod."""
        path = f"{PODS.format(self.namespace)}/{pod['metadata']['name']}/status"
        self.objects.send("PATCH", path, {"status": status}, MERGE)

    def ends(self, pod: Object, code: int = 0, reason: str | None = None, message: str = "") -> None:
        """The first container of a Pod exits."""
        ended = {"exitCode": code, "reason": reason or ("Error" if code else "Completed"), "message": message}
        ended |= {"startedAt": "2026-11-28T10:00:00Z", "finishedAt": "2026-11-28T10:00:01Z"}
        self.write(
            pod,
            phase="Failed" if code else "Succeeded",
            containerStatuses=[container_status(pod, {"terminated": ended})],
        )

    def runs(self, pod: Object) -> None:
        """The first container of a Pod runs."""
        self.write(
            pod,
            phase="Running",
            conditions=[{"type": "Ready", "status": "True"}],
            containerStatuses=[
                container_status(pod, {"running": {"startedAt": "2026-11-28T10:00:00Z"}}, ready=True, started=True)
            ],
        )

    def waits(self, pod: Object, reason: str, message: str) -> None:
        """The first container of a Pod does not start."""
        state = {"waiting": {"reason": reason, "message": message}}
        self.write(pod, phase="Pending", containerStatuses=[container_status(pod, state)])


def container_status(pod: Object, state: Object, **more: Any) -> Object:
    """The status of the first container of a Pod."""
    container = pod["spec"]["containers"][0]
    told = {"image": container["image"], "imageID": "", "restartCount": 0, "ready": False, "started": False}
    return {"name": container["name"], **told, "state": state, **more}


def template(**fields: Any) -> Object:
    """A Job's template of one container, with more fields of the Job's spec."""
    pod = {"containers": [{"name": "main", "image": "busybox:1", "command": ["sleep", "1"]}]}
    return {"spec": {"template": {"spec": pod}, **fields}}
