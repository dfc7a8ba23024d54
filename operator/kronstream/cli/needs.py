"""The rights that installed parts need, of their Deployments and the roles of `deploy/`: pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Right = dict[str, str]  # resource attributes as a SubjectAccessReview has them, each '' where it is any

HOME = "kronstream-system"  # the namespace of deploy/
ROLES = {"runs-apiserver": "kronstream-runs"}  # the account of a component in deploy/, where it is not named for it
CLUSTERED = frozenset({"tokenreviews", "subjectaccessreviews", "apiservices"})
PAUSES = "kronstream-pauses"
# a role of every cluster, which deploy/ binds and does not have
READER = ("Role", "extension-apiserver-authentication-reader")
READS = [
    {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"],
     "resourceNames": ["extension-apiserver-authentication"]}
]  # fmt: skip


@dataclass(frozen=True)
class Part:
    """An installed component: its service account, and to what its settings confine it ((): the whole cluster).

    `token` tells whether its Pods have a token at all; `serves` whether its operators look after the APIService.
    """

    component: str
    namespace: str
    account: str
    namespaces: tuple[str, ...] = ()
    pauses: str = PAUSES
    token: bool = True
    serves: bool = False

    @property
    def name(self) -> str:
        """Its account, as namespace:name."""
        return f"{self.namespace}:{self.account}"


def parts_of(deployments: Iterable[Mapping[str, Any]]) -> list[Part]:
    """The parts by their Deployments; one that has no component's label is none."""
    found = []
    for one in deployments:
        component = (one["metadata"].get("labels") or {}).get("app.kubernetes.io/component", "")
        pod = one["spec"]["template"]["spec"]
        if not component:
            continue
        environ = {
            entry["name"]: str(entry.get("value") or "")
            for container in pod.get("containers") or ()
            for entry in container.get("env") or ()
        }
        spaces = (name.strip() for name in environ.get("KRONSTREAM_NAMESPACES", "").split(","))
        found.append(
            Part(
                component,
                one["metadata"]["namespace"],
                pod.get("serviceAccountName") or "default",
                tuple(name for name in spaces if name),
                environ.get("KRONSTREAM_PAUSES") or PAUSES,
                pod.get("automountServiceAccountToken", True),
                "KRONSTREAM_RUNS_SERVICE" in environ,
            )
        )
    return found


def needed(part: Part, manifests: Sequence[Mapping[str, Any]]) -> list[Right]:
    """What a part needs: what the roles of `deploy/` give its like, with its own names and namespaces."""
    if not part.token:
        return []
    model = ROLES.get(part.component, f"kronstream-{part.component}")
    roles = {(one["kind"], one["metadata"]["name"]): one["rules"] for one in manifests if one["kind"].endswith("Role")}
    found: list[Right] = []
    for binding in (one for one in manifests if one["kind"].endswith("Binding")):
        if not any(subject["name"] == model for subject in binding.get("subjects") or ()):
            continue
        role = (binding["roleRef"]["kind"], binding["roleRef"]["name"])
        rules = READS if role == READER else roles.get(role, [])
        place = str(binding["metadata"].get("namespace", ""))
        for right in _rights(rules):
            # whom a pool may be, its values say
            if right["verb"] != "impersonate" and (right["resource"] != "apiservices" or part.serves):
                found += _placed(right, place, part)
    return found


def _placed(right: Right, place: str, part: Part) -> Iterator[Right]:
    """A right where a part needs it."""
    if right["name"] == PAUSES:
        right = {**right, "name": part.pauses}
    if place or right["resource"] in CLUSTERED or not part.namespaces:
        yield {**right, "namespace": part.namespace if place == HOME else place}
        return
    for namespace in part.namespaces:
        named = namespace if right["resource"] == "namespaces" else right["name"]
        yield {**right, "name": named, "namespace": namespace}


def _rights(rules: Iterable[Mapping[str, Any]]) -> Iterator[Right]:
    for rule in rules:
        for group in rule.get("apiGroups") or ():
            for resource in rule.get("resources") or ():
                kind, _, sub = resource.partition("/")
                for verb in rule["verbs"]:
                    for name in rule.get("resourceNames") or ("",):
                        yield {"group": group, "resource": kind, "subresource": sub, "verb": verb, "name": name}
