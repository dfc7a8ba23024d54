"""What `doctor` asks the cluster: each part by itself, so that a right that is missing hides only what it is for."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING, Any

from kronstream import __version__
from kronstream.cli.checks.rights import rights
from kronstream.cli.diagnosis import Finding, Reading, of_clock, of_crd
from kronstream.cli.instants import instant
from kronstream.cli.liveness import LABEL, of_deployments, of_jobs

if TYPE_CHECKING:
    from kronstream.cluster.api import ClusterApi

CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
JOBS = "/apis/kronstream.dev/v1/scheduledjobs"
HANDLERS = "/apis/kronstream.dev/v1/eventhandlers"
DEPLOYMENTS = f"/apis/apps/v1/deployments?labelSelector={LABEL.replace('/', '%2F').replace('=', '%3D')}"
WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
STREAM = "stream:events"


@dataclass
class Cluster:
    """What was found, and what the store is asked about: jobs and EventHandlers (None: they could not be listed, nor
    Deployments), and which cluster it is ('': that could not be read)."""

    findings: list[Finding] = field(default_factory=list)
    jobs: list[dict[str, Any]] | None = None
    handlers: list[dict[str, Any]] | None = None
    deployments: list[dict[str, Any]] | None = None
    identity: str = ""

    @property
    def queues(self) -> set[str]:
        """Those that jobs name."""
        return {str(job["spec"].get("queue") or "default") for job in self.jobs or ()}

    @property
    def streams(self) -> set[str]:
        """Those of which EventHandlers want events."""
        wanted = [one["spec"] for one in self.handlers or () if one["spec"].get("enabled", True)]
        return {str((spec.get("source") or {}).get("stream") or STREAM) for spec in wanted}


async def examined() -> Cluster:
    """The cluster of KUBECONFIG."""
    from kronstream.cluster.api import ClusterApi

    found = Cluster()
    try:
        api = await ClusterApi.connect()
    except Exception as error:  # noqa: BLE001 - a configuration that cannot be read, told in a line
        found.findings = [
            Finding("Cluster", "wrong", f"cannot be used: {error}", "set KUBECONFIG to a file with a current context")
        ]
        return found
    try:
        await _ask(api, found)
    except (OSError, TimeoutError) as error:
        text = f"does not answer: {type(error).__name__}: {error}"
        found.findings.append(Finding("Cluster", "wrong", text, "is it running, and KUBECONFIG its?"))
    finally:
        await api.close()
    return found


async def _ask(api: ClusterApi, found: Cluster) -> None:
    from kronstream.cluster.identity import cluster_id

    async def deployments() -> list[Finding]:
        found.deployments = (await api.listing(DEPLOYMENTS))[0]
        return list(of_deployments(found.deployments, __version__))

    async def accounts() -> list[Finding]:
        return await rights(api, found.deployments)

    async def jobs() -> list[Finding]:
        found.jobs = await api.pages(JOBS)
        return [of_jobs(found.jobs)]

    async def handlers() -> list[Finding]:
        found.handlers = await api.pages(HANDLERS)
        return []

    async def identity() -> list[Finding]:
        found.identity = await cluster_id(api)
        return []

    looks = (
        ("Clocks", "create selfsubjectreviews.authentication.k8s.io", _clock(api)),
        ("CRDs", "get customresourcedefinitions.apiextensions.k8s.io", _crds(api)),
        ("Deployments", "list deployments.apps", deployments()),
        ("RBAC", "create subjectaccessreviews.authorization.k8s.io", accounts()),
        ("Jobs", "list scheduledjobs.kronstream.dev", jobs()),
        ("EventHandlers", "list eventhandlers.kronstream.dev", handlers()),
        ("Installation", "get namespaces", identity()),
    )
    unasked = [look for _, _, look in looks]
    try:
        for area, right, look in looks:
            unasked.remove(look)
            found.findings += await _guarded(area, right, look)
    finally:
        for look in unasked:
            look.close()


async def _guarded(area: str, right: str, look: Awaitable[list[Finding]]) -> list[Finding]:
    from kronstream.cluster.api import ApiError

    try:
        return await look
    except ApiError as error:
        if error.status == 403:
            text = f"could not be looked at: you may not {right}"
            return [Finding(area, "warning", text, "call as somebody who may")]
        if error.status == 404 and area in ("Jobs", "EventHandlers"):
            return []  # there is no such kind, and the line of its CRD says so
        return [Finding(area, "wrong", f"the cluster refuses: {error}", "is KUBECONFIG's user known there?")]


async def _clock(api: ClusterApi) -> list[Finding]:
    """When the API server says that a review was made, in whole seconds."""
    begin = int(time.time() * 1000)
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    answer = await api.send("POST", WHO, body)
    end = int(time.time() * 1000)
    made = instant((answer.get("metadata") or {}).get("creationTimestamp"))
    if made is None:
        return []
    low = int(made.astimezone(UTC).timestamp()) * 1000
    return [of_clock(Reading("the API server's", low, low + 999, begin, end))]


async def _crds(api: ClusterApi) -> list[Finding]:
    from kronstream.cluster.api import ApiError
    from kronstream.dev import manifests

    found = []
    for shipped in manifests.crds():
        try:
            found.append(of_crd(shipped, await api.send("GET", f"{CRD}/{shipped['metadata']['name']}")))
        except ApiError as error:
            if error.status != 404:
                raise
            found.append(of_crd(shipped, None))
    return found
