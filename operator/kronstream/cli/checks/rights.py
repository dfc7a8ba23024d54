"""The rights that the service accounts of the installed parts need, and which of them they have."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kronstream.cli.diagnosis import Finding, of_pool, of_rights
from kronstream.cli.needs import HOME, Part, Right, needed, parts_of

if TYPE_CHECKING:
    from kronstream.cluster.api import ClusterApi

ACCESS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
AT_ONCE = 10
# where no Deployment tells: as deploy/ has them
USUAL = tuple(Part(component, HOME, f"kronstream-{component}") for component in ("api", "operator", "worker"))


async def rights(api: ClusterApi, deployments: Sequence[Mapping[str, Any]] | None) -> list[Finding]:
    """Each service account of a Deployment is asked about, right by right: however its roles are called.

    Without any Deployment those of `deploy/` are; None: they could not be listed.
    """
    from kronstream.dev import manifests

    if deployments is None:
        text = "could not be looked at: which accounts the parts have, their Deployments tell"
        return [Finding("RBAC", "warning", text, "call as somebody who may list deployments.apps")]
    # of the base no worker has a right; what handler.job needs, the development overlay gives
    shipped = manifests.rights("runs-apiserver", "overlays/dev")
    wanted: dict[tuple[str, bool], list[Right]] = {}
    for part in parts_of(deployments) or USUAL:
        wanted.setdefault((part.name, part.component == "worker"), []).extend(needed(part, shipped))
    gate = asyncio.Semaphore(AT_ONCE)
    found = []
    for (account, works), needs in sorted(wanted.items()):
        answers = await asyncio.gather(*(_allowed(api, gate, account, one) for one in needs))
        missing = [said(one) for one, well in zip(needs, answers, strict=True) if not well]
        if needs:
            found.append((of_pool if works and deployments else of_rights)(account, missing, len(needs)))
    return found


async def _allowed(api: ClusterApi, gate: asyncio.Semaphore, account: str, attributes: Right) -> bool:
    namespace = account.partition(":")[0]
    spec = {
        "user": f"system:serviceaccount:{account}",
        "groups": ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"],
        "resourceAttributes": attributes,
    }
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
    async with gate:
        answer = await api.send("POST", ACCESS, body)
    return bool((answer.get("status") or {}).get("allowed"))


def said(right: Right) -> str:
    """A right in words."""
    sub = f"/{right['subresource']}" if right["subresource"] else ""
    group = f".{right['group']}" if right["group"] else ""
    place = f" in namespace {right['namespace']}" if right["namespace"] else ""
    return f"{right['verb']} {right['resource']}{sub}{group}{place}"
