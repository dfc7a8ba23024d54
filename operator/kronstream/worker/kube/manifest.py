"""The batch/v1 Job of an attempt. Pure."""

from __future__ import annotations

import copy
import json
import math
from typing import Any

from kronstream.ports import Claim
from kronstream.resources import instant
from kronstream.resources.batchjob import BatchJob
from kronstream.worker.kube import marks

SHORTEST_KEPT = 60  # seconds that a finished Job is there at least for its end to be read
SPARE = 60  # seconds after the timeout, when the cluster ends a Job that no worker came to end

Object = dict[str, Any]


def job_manifest(claim: Claim, job: BatchJob) -> Object:
    """The Job to create: the user's template with what the attempt adds to it."""
    template = copy.deepcopy(job.template)
    spec = template["spec"]
    spec.setdefault("backoffLimit", 0)
    spec.setdefault("activeDeadlineSeconds", math.ceil(claim.work.timeout / 1000) + SPARE)
    if spec.get("ttlSecondsAfterFinished") is None:
        longest = max(job.kept.succeeded_ms, job.kept.failed_ms)
        spec["ttlSecondsAfterFinished"] = max(seconds(longest), SHORTEST_KEPT)
    pods = spec["template"]
    inner = pods["spec"]
    inner.setdefault("restartPolicy", "Never")
    if claim.work.account != "default" and not inner.get("serviceAccount"):
        inner.setdefault("serviceAccountName", claim.work.account)
    given = pods.get("metadata") or {}
    pods["metadata"] = {**given, "labels": {**(given.get("labels") or {}), **marks.labels(claim)}}
    added = environment(claim)
    for container in (*(inner.get("initContainers") or ()), *inner["containers"]):
        own = container.get("env") or []
        names = {variable.get("name") for variable in own}
        container["env"] = [variable for variable in added if variable["name"] not in names] + own
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": marks.metadata(claim, template.get("metadata")),
        "spec": spec,
    }


def kept_for(job: BatchJob, *, succeeded: bool) -> int | None:
    """Seconds that a finished Job is kept; None where the template says it."""
    if job.template["spec"].get("ttlSecondsAfterFinished") is not None:
        return None
    return seconds(job.kept.succeeded_ms if succeeded else job.kept.failed_ms)


def environment(claim: Claim) -> list[dict[str, str]]:
    """The variables that every container gets."""
    payload = json.dumps(claim.work.payload, ensure_ascii=False, separators=(",", ":"))
    values = {
        "KRONSTREAM_RUN_ID": claim.run,
        "KRONSTREAM_NOMINAL_TIME": instant.render(claim.nominal),
        "KRONSTREAM_ATTEMPT": str(claim.attempt),
        "KRONSTREAM_PAYLOAD": payload,
    }
    # $(NAME) in a value is replaced by the kubelet, and $$ is a dollar
    return [{"name": name, "value": value.replace("$", "$$")} for name, value in values.items()]


def seconds(ms: int) -> int:
    """Whole seconds, rounded up."""
    return math.ceil(ms / 1000)
