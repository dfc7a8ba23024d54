"""A control plane with the rights of the chart: components show tokens, and the API server writes down who did what."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from integration.charting import Helm, Object
from kronstream.dev import manifests
from kronstream.dev.controlplane import NAMESPACE, ControlPlane

POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "Metadata", "userGroups": [f"system:serviceaccounts:{NAMESPACE}"]},
        {"level": "None"},
    ],
}
ACCOUNT = f"system:serviceaccount:{NAMESPACE}:"
IMPERSONATE = "impersonate"


class Right(NamedTuple):
    """A verb on a resource, bound to a name where that is not empty, in one namespace (`place`) or, '', in all."""

    group: str
    resource: str
    verb: str
    name: str = ""
    place: str = ""


class ChartPlane(ControlPlane):
    """Installs CRDs and the RBAC of the chart, in place of those of `deploy/`."""

    def __init__(self, folder: Path, values: dict[str, Any]) -> None:
        self._helm = Helm(folder / "helm")
        self._values = folder / "values.yaml"
        self._values.write_text(yaml.safe_dump(values))
        self.audit = folder / "audit.log"
        policy = folder / "audit-policy.yaml"
        policy.write_text(yaml.safe_dump(POLICY))
        arguments = [f"--audit-policy-file={policy}", f"--audit-log-path={self.audit}", "--audit-log-mode=blocking"]
        super().__init__(controller_manager=True, aggregation=True, extra_arguments={"apiserver": arguments})

    def install(self) -> None:
        """Namespace, CRDs, and all that is RBAC of the release `kronstream`."""
        self.rendered = self._helm.render(values=self._values, namespace=NAMESPACE)
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
        objects = [namespace, *manifests.crds(), *(item for item in self.rendered if item["kind"] in manifests.RIGHTS)]
        self.apply(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
        for crd in manifests.crds():
            self.kubectl("wait", "--for=condition=Established", f"crd/{crd['metadata']['name']}", "--timeout=30s")

    def kubeconfig_for(self, service_account: str, namespace: str = NAMESPACE) -> Path:
        """With a token of the TokenRequest API, as the kubelet gets for a Pod."""
        token = self.kubectl("create", "token", service_account, "-n", namespace, "--duration=1h").strip()
        cluster = {"server": self.server, "certificate-authority": str(self.authority)}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "u", "user": {"token": token}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "c",
        }
        file = self.folder / f"{service_account}.kubeconfig"
        file.write_text(yaml.safe_dump(content))
        return file

    def used(self, account: str) -> Iterator[tuple[Right, Object]]:
        """What a service account asked the API server for, with the audit event."""
        whole, _, _ = self.audit.read_text("utf-8").rpartition("\n")  # the last line may be half written
        for line in whole.splitlines():
            event = json.loads(line)
            if event["user"]["username"] == ACCOUNT + account and "objectRef" in event:
                yield _right(event), event


def granted(rendered: list[Object], account: str) -> set[Right]:
    """What the chart's roles, among rendered objects, give a service account."""
    roles = {_key(item): item["rules"] for item in rendered if item["kind"] in ("Role", "ClusterRole")}
    bound = [
        (binding["metadata"].get("namespace", ""), roles[_role(binding)])
        for binding in rendered
        if binding["kind"] in ("RoleBinding", "ClusterRoleBinding")
        and {"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE} in binding["subjects"]
        and binding["roleRef"]["name"] != "extension-apiserver-authentication-reader"
    ]
    return {right._replace(place=place) for place, rules in bound for rule in rules for right in expanded(rule)}


def expanded(rule: Object) -> Iterator[Right]:
    """Each right of a rule by itself."""
    for group in rule["apiGroups"]:
        for resource in rule["resources"]:
            for verb in rule["verbs"]:
                for name in rule.get("resourceNames") or ("",):
                    yield Right(group, resource, verb, name)


def covered(used: Iterable[Right], granted: set[Right]) -> set[Right]:
    """The granted rights that the used ones need; those that need none of them as they are."""

    def need(right: Right) -> Right:
        wider = (right, right._replace(name=""), right._replace(place=""), right._replace(name="", place=""))
        return next((one for one in wider if one in granted), right)

    return {need(right) for right in used}


def _role(binding: Object) -> tuple[str, str, str]:
    reference, place = binding["roleRef"], binding["metadata"].get("namespace", "")
    return reference["kind"], place if reference["kind"] == "Role" else "", reference["name"]


def _key(role: Object) -> tuple[str, str, str]:
    return role["kind"], role["metadata"].get("namespace", ""), role["metadata"]["name"]


def _right(event: Object) -> Right:
    if other := event.get("impersonatedUser"):
        # what is done then, the other may do; its own right is to be the other
        _, _, place, name = other["username"].split(":")
        return Right("", "serviceaccounts", IMPERSONATE, name, place)
    about = event["objectRef"]
    resource = about["resource"] + (f"/{about['subresource']}" if "subresource" in about else "")
    return Right(about.get("apiGroup", ""), resource, event["verb"], about.get("name", ""), about.get("namespace", ""))
