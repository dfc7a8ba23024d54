"""How a Job ended, or why it does not begin, read from the Job and its Pods as the API server gives them. Pure."""

from __future__ import annotations

import contextlib
import json
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kronstream.domain.run import Reason
from kronstream.ports import bounds

STUCK = frozenset(
    {
        *("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"),
        *("CreateContainerConfigError", "CreateContainerError", "RunContainerError"),
    }
)
"""Why a container waits that does not start by itself."""
TEXT = 500  # characters of a message that others wrote
SIGNALS = 128  # exit codes above it are signals

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Where:
    """A container of a Pod."""

    pod: str
    container: str


@dataclass(frozen=True, slots=True)
class End:
    """How a Job ended: `kind` is None for a success, which has a `result`. `where` is whose log tells most."""

    kind: str | None
    message: str = ""
    codes: tuple[str, ...] = ()
    reason: Reason = Reason.ERROR
    result: Any = None
    where: Where | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """What a Job that goes on waits for; `stuck` when that does not come by itself."""

    stuck: bool
    kind: str
    message: str


def condition(obj: Object, kind: str) -> Object | None:
    """The condition of a type that is True, else None."""
    found = (obj.get("status") or {}).get("conditions") or ()
    return next((one for one in found if one.get("type") == kind and one.get("status") == "True"), None)


def is_over(job: Object) -> bool:
    """Whether the Job has ended; before that its Pods may still be ending."""
    return condition(job, "Complete") is not None or condition(job, "Failed") is not None


def is_failing(job: Object) -> bool:
    """Whether the Job is bound to fail though its Pods have not all ended: they may soon be gone."""
    return condition(job, "FailureTarget") is not None


def judge(job: Object, pods: Sequence[Object]) -> End:
    """How a Job that is over ended."""
    if condition(job, "Complete") is not None:
        return _success(job, pods)
    told = condition(job, "Failed") or {}
    for failed in (_evicted, _container):
        for pod in reversed(_by_age(pods)):
            end = failed(pod)
            if end is not None:
                return _with_deadline(end, told)
    message = str(told.get("message") or told.get("reason") or "the Job failed and does not say why")[:TEXT]
    message += "" if pods else "; its Pods are gone"
    return _with_deadline(End("JobFailed", message, _code(told), where=first(pods)), told)


def waiting(job: Object, pods: Sequence[Object]) -> Wait | None:
    """What keeps a Job from beginning; None when its Pods run, or will."""
    suspended = condition(job, "Suspended")
    if suspended is not None:
        return Wait(False, "Suspended", "the Job is suspended: it waits to be admitted, or resumed")
    waits = [wait for pod in _by_age(pods) if (wait := _pod_waits(pod)) is not None]
    return next((wait for wait in waits if wait.stuck), waits[-1] if waits else None)


def _success(job: Object, pods: Sequence[Object]) -> End:
    where = first([pod for pod in pods if pod.get("status", {}).get("phase") == "Succeeded"])
    result: Any = {"job": job["metadata"]["name"], "pods": _count(job, pods), "exitCode": 0}
    if where is not None:
        message = _termination_message(pods, where)
        with contextlib.suppress(ValueError, RecursionError):
            result = json.loads(message)
    return End(None, result=result, where=where)


def _count(job: Object, pods: Sequence[Object]) -> int:
    status = job.get("status") or {}
    return len(pods) or int(status.get("succeeded") or 0) + int(status.get("failed") or 0)


def _termination_message(pods: Sequence[Object], where: Where) -> str:
    for pod in pods:
        if pod["metadata"]["name"] == where.pod:
            for status in _statuses(pod):
                if status.get("name") == where.container:
                    return str(_terminated(status).get("message") or "")
    return ""


def _evicted(pod: Object) -> End | None:
    status = pod.get("status") or {}
    disrupted = condition(pod, "DisruptionTarget")
    if status.get("reason") not in ("Evicted", "Preempting", "NodeLost", "Shutdown", "Terminated") and not disrupted:
        return None
    name = pod["metadata"]["name"]
    text = str(status.get("message") or (disrupted or {}).get("message") or status.get("reason") or "")[:TEXT]
    return End("Evicted", f"the Pod {name} was evicted: {text}", ("evicted",), where=first([pod]))


def _container(pod: Object) -> End | None:
    """The failure of the container of a Pod that failed first."""
    failed = [
        (str(_terminated(status).get("finishedAt") or ""), status)
        for status in _statuses(pod)
        if _terminated(status).get("exitCode")
    ]
    if not failed:
        status = pod.get("status") or {}
        if status.get("phase") != "Failed":
            return None
        reason, text = str(status.get("reason") or "PodFailed"), str(status.get("message") or "")[:TEXT]
        return End(reason, f"the Pod {pod['metadata']['name']} failed ({reason}): {text}", where=first([pod]))
    status = min(failed, key=lambda entry: entry[0])[1]
    ended, name = _terminated(status), str(status.get("name"))
    code, reason = int(ended["exitCode"]), str(ended.get("reason") or "")
    where = Where(pod["metadata"]["name"], name)
    said = str(ended.get("message") or "").strip()[-TEXT:]
    said = f": {said}" if said else ""
    if reason == "OOMKilled":
        text = f"container {name} was killed because it used more memory than its limit allows{said}"
        return End("OOMKilled", text, ("oom_killed", f"exit:{code}"), where=where)
    if reason in ("ContainerCannotRun", "StartError"):
        return End(reason, f"container {name} could not be started{said}", (f"exit:{code}",), where=where)
    return End("ExitCode", f"container {name} exited with code {_exit(code)}{said}", (f"exit:{code}",), where=where)


def _exit(code: int) -> str:
    try:
        return f"{code} ({signal.Signals(code - SIGNALS).name})" if code > SIGNALS else str(code)
    except ValueError:
        return str(code)


def _with_deadline(end: End, told: Object) -> End:
    """A Job that was ended by its deadline timed out, whatever its containers made of that."""
    if told.get("reason") != "DeadlineExceeded":
        return end
    text = str(told.get("message") or "the Job went on for longer than its activeDeadlineSeconds")[:TEXT]
    return End("DeadlineExceeded", text, ("DeadlineExceeded",), Reason.TIMEOUT, where=end.where)


def _code(told: Object) -> tuple[str, ...]:
    reason = told.get("reason")
    return (str(reason)[: bounds.MESSAGE],) if reason else ()


def _pod_waits(pod: Object) -> Wait | None:
    name, status = pod["metadata"]["name"], pod.get("status") or {}
    if status.get("phase") != "Pending":
        return None
    for one in _statuses(pod):
        waits = (one.get("state") or {}).get("waiting") or {}
        if waits.get("reason") in STUCK:
            text = str(waits.get("message") or "")[:TEXT]
            said = f"container {one.get('name')} of the Pod {name} does not start ({waits['reason']}): {text}"
            return Wait(True, str(waits["reason"]), said.removesuffix(": "))
    for one in status.get("conditions") or ():
        if one.get("type") == "PodScheduled" and one.get("status") == "False":
            text = str(one.get("message") or "")[:TEXT]
            return Wait(False, "Unschedulable", f"the Pod {name} waits for a node: {text}".removesuffix(": "))
    return None


def _statuses(pod: Object) -> Iterator[Object]:
    status = pod.get("status") or {}
    yield from status.get("initContainerStatuses") or ()
    yield from status.get("containerStatuses") or ()


def _terminated(status: Object) -> Object:
    """How a container ended: now, or the last time where it is started again."""
    for state in ("state", "lastState"):
        found: Object | None = (status.get(state) or {}).get("terminated")
        if found:
            return found
    return {}


def first(pods: Sequence[Object]) -> Where | None:
    """The first container of the youngest Pod."""
    for pod in reversed(_by_age(pods)):
        for container in (pod.get("spec") or {}).get("containers") or ():
            return Where(pod["metadata"]["name"], str(container["name"]))
    return None


def _by_age(pods: Sequence[Object]) -> list[Object]:
    return sorted(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp") or ""))
