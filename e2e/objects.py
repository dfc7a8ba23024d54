"""Objects that tests apply."""

from typing import Any


def scheduled(name: str, function: str, **spec: Any) -> dict[str, Any]:
    """A ScheduledJob that calls a function."""
    return {
        "apiVersion": "kronstream.dev/v1",
        "kind": "ScheduledJob",
        "metadata": {"name": name},
        "spec": {"handler": {"function": {"name": function}}, "payload": {}, **spec},
    }


def service_account(name: str, namespace: str) -> dict[str, Any]:
    """A ServiceAccount."""
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}


def role(name: str, namespace: str, *rules: dict[str, Any]) -> dict[str, Any]:
    """A Role."""
    meta = {"name": name, "namespace": namespace}
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": meta, "rules": list(rules)}


def binding(name: str, namespace: str, role: tuple[str, str], account: tuple[str, str]) -> dict[str, Any]:
    """A RoleBinding of a role, as (kind, name), to an account, as (namespace, name)."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": name, "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role[0], "name": role[1]},
        "subjects": [{"kind": "ServiceAccount", "namespace": account[0], "name": account[1]}],
    }
