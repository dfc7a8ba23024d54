"""The rights that the service accounts of `deploy/` need, and which of them they have."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from kronstream.cli.diagnosis import Finding, of_rights

if TYPE_CHECKING:
    from kronstream.cluster.api import ClusterApi

ACCESS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
AT_ONCE = 10


async def rights(api: ClusterApi) -> list[Finding]:
    """Each service account of `deploy/` is asked about, right by right: however its roles are called."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def missing(account: str, needed: list[dict[str, str]]) -> list[str]:
        async def allowed(attributes: dict[str, str]) -> bool:
            namespace, _, _name = account.partition(":")
            spec = {
                "user": f"system:serviceaccount:{account}",
                "groups": ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"],
                "resourceAttributes": attributes,
            }
            async with gate:
                answer = await api.send("POST", ACCESS, {"apiVersion": "authorization.k8s.io/v1",
                                                         "kind": "SubjectAccessReview", "spec": spec})  # fmt: skip
            return bool((answer.get("status") or {}).get("allowed"))

        answers = await asyncio.gather(*(allowed(one) for one in needed))
        return [said(one) for one, well in zip(needed, answers, strict=True) if not well]

    return [of_rights(account, await missing(account, needed), len(needed)) for account, needed in _needed().items()]


def said(right: dict[str, str]) -> str:
    """A right in words."""
    sub = f"/{right['subresource']}" if right["subresource"] else ""
    group = f".{right['group']}" if right["group"] else ""
    place = f" in namespace {right['namespace']}" if right["namespace"] else ""
    return f"{right['verb']} {right['resource']}{sub}{group}{place}"


def _needed() -> dict[str, list[dict[str, str]]]:
    """Account (namespace:name) → the rights that the roles of `deploy/` give it, as resource attributes."""
    from kronstream.dev import manifests

    rights = manifests.rights()
    roles = {(one["kind"], one["metadata"]["name"]): one["rules"] for one in rights if one["kind"].endswith("Role")}
    found: dict[str, list[dict[str, str]]] = {}
    for binding in (one for one in rights if one["kind"].endswith("Binding")):
        rules = roles.get((binding["roleRef"]["kind"], binding["roleRef"]["name"]), [])
        for subject in binding.get("subjects") or ():
            if subject["kind"] == "ServiceAccount":
                place = binding["metadata"].get("namespace", "")
                found.setdefault(f"{subject['namespace']}:{subject['name']}", []).extend(_attributes(rules, place))
    return found


def _attributes(rules: list[dict[str, Any]], namespace: str) -> list[dict[str, str]]:
    found = []
    for rule in rules:
        for group in rule.get("apiGroups") or ():
            for resource in rule.get("resources") or ():
                kind, _, sub = resource.partition("/")
                for verb in rule["verbs"]:
                    for name in rule.get("resourceNames") or ("",):
                        one = {"group": group, "resource": kind, "subresource": sub, "verb": verb, "name": name}
                        found.append({**one, "namespace": namespace})
    return found
