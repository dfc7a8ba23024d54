"""Calls of the API with the right that each takes, and people who have rights."""

from __future__ import annotations

import contextlib
import itertools
import json
from dataclasses import dataclass
from typing import Any

import httpx

from eventually import eventually
from integration.calls import JOB, Calls
from integration.installation import Installation
from integration.objects import RefusedError
from kronstream.dev.kubectl import Kubectl, KubectlError

RBAC = "/apis/rbac.authorization.k8s.io/v1"
REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
numbers = itertools.count(1)


@dataclass(frozen=True)
class Call:
    """A call as the document names it, the right that it takes, and what it answers to who has it.

    ``place`` is the path where it differs from the document's, ``also`` a second right, ``type`` of the body if it is
    not plain JSON. Of what belongs to no namespace the right is needed in the whole cluster.
    """

    method: str
    call: str
    right: tuple[str, str]
    status: int
    body: Any = None
    place: str = ""
    also: tuple[str, str] | None = None
    type: str = "application/json"
    everywhere: bool = False

    def asked(self, caller: Calls, names: dict[str, Any]) -> httpx.Response:
        """What is answered."""
        place = (self.place or self.call).format(**names)
        body = json.dumps(self.body).replace("JOB", names["job_id"]) if self.body is not None else None
        headers = {"Content-Type": self.type} if body is not None else {}
        return caller.request(self.method, place, content=body, headers=headers)


FILTER = {"job": "JOB", "dry_run": True}
EVENT = {"specversion": "1.0", "id": "1", "source": "/rights", "type": "rights.tested", "namespace": "team-a"}
DAYS = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z", "dry_run": True}
ONCE = {"name": "Once", "namespace": "team-a", "handler_name": "x", "execute_at": "2030-01-01T00:00:00Z"}
LISTS = ("list", "scheduledjobs/executions")
BY_NAME = "/jobs/team-a:{resource_name}"
CALLS = [
    Call("GET", "/jobs/{job_id}", ("get", "scheduledjobs"), 200),
    Call("GET", "/jobs/{job_id}", ("get", "scheduledjobs"), 200, place=BY_NAME),
    Call("GET", "/jobs/{job_id}/preview", ("get", "scheduledjobs"), 200),
    Call("GET", "/jobs", ("list", "scheduledjobs"), 200, place="/jobs?namespace=team-a"),
    Call("POST", "/jobs/cron", ("create", "scheduledjobs"), 201, {**JOB, "namespace": "team-a"}),
    Call("POST", "/jobs/once", ("create", "scheduledjobs"), 201, ONCE),
    Call("PUT", "/jobs/{job_id}/schedule", ("update", "scheduledjobs"), 200, {"schedule": "0 3 * * *"}),
    Call("DELETE", "/jobs/{job_id}", ("delete", "scheduledjobs"), 204),
    Call("POST", "/jobs/{job_id}/pause", ("update", "scheduledjobs/pause"), 200),
    Call("POST", "/jobs/{job_id}/resume", ("update", "scheduledjobs/pause"), 200),
    Call("POST", "/jobs/{job_id}/run", ("create", "scheduledjobs/run"), 201),
    Call("POST", "/executions/{execution_id}/retry", ("create", "scheduledjobs/run"), 409),
    Call("POST", "/executions:retry", ("create", "scheduledjobs/run"), 202, FILTER, also=LISTS),
    Call("POST", "/executions/{execution_id}/cancel", ("delete", "scheduledjobs/run"), 202),
    Call("POST", "/executions:cancel", ("delete", "scheduledjobs/run"), 202, FILTER, also=LISTS),
    Call("POST", "/executions:cancel", ("delete", "scheduledjobs/run"), 202,
         {"namespace": "team-a", "status": "queued", "dry_run": True}, also=LISTS),
    Call("POST", "/jobs/{job_id}/backfill", ("create", "scheduledjobs/backfill"), 202, DAYS),
    Call("DELETE", "/operations/{operation_id}", ("create", "scheduledjobs/backfill"), 204),
    Call("GET", "/operations/{operation_id}", LISTS, 200),
    Call("GET", "/jobs/{job_id}/executions", LISTS, 200),
    Call("GET", "/jobs/{job_id}/stats", LISTS, 200),
    Call("GET", "/executions/{execution_id}", ("get", "scheduledjobs/executions"), 200),
    Call("POST", "/events/trigger", ("create", "eventhandlers/trigger"), 200,
         {"event_name": "rights.tested", "namespace": "team-a"}, place="/events/trigger?dry_run=true"),
    Call("POST", "/events", ("create", "eventhandlers/trigger"), 202, EVENT, type="application/cloudevents+json"),
    Call("GET", "/event-handlers/{handler_id}", ("get", "eventhandlers"), 200),
    Call("GET", "/event-handlers/{handler_id}", ("get", "eventhandlers"), 200, place="/event-handlers/team-a:hears"),
    Call("GET", "/event-handlers/{handler_id}/stats", ("get", "eventhandlers"), 200),
    Call("GET", "/event-handlers", ("list", "eventhandlers"), 200, place="/event-handlers?namespace=team-a"),
    Call("POST", "/event-handlers/reload", ("list", "eventhandlers"), 200, everywhere=True),
    Call("GET", "/stats", ("get", "stats"), 200, everywhere=True),
    Call("GET", "/workers", ("get", "workers"), 200, everywhere=True),
    Call("GET", "/queues", ("get", "queues"), 200, everywhere=True),
    Call("POST", "/queues/{name}/pause", ("update", "queues"), 200, everywhere=True),
    Call("POST", "/queues/{name}/resume", ("update", "queues"), 200, everywhere=True),
    Call("GET", "/dead-letters", ("get", "deadletters"), 200, everywhere=True),
    Call("DELETE", "/dead-letters/{letter_id}", ("delete", "deadletters"), 404, everywhere=True),
    Call("POST", "/dead-letters/{letter_id}/replay", ("update", "deadletters"), 404, everywhere=True),
]  # fmt: skip


def may(kubectl: Kubectl, *words: str) -> bool:
    """Whether the API server says that somebody may; it hears of a binding a moment after it wrote it."""
    try:
        return kubectl("auth", "can-i", *words).strip() == "yes"
    except KubectlError:  # a no ends with 1
        return False


class Desk:
    """Makes service accounts with rights, and their tokens."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.send = installation.objects.send
        with contextlib.suppress(RefusedError):  # it is there
            self.send("POST", "/api/v1/namespaces", {"metadata": {"name": "team-a"}})

    def token(self, *rights: tuple[str, str], namespace: str | None = "team-a") -> Calls:
        """A caller with rights (verb, resource), in a namespace or in the whole cluster (None)."""
        name = self._account()
        if rights:
            rules = [{"apiGroups": ["kronstream.dev"], "resources": [what], "verbs": [verb]} for verb, what in rights]
            kind, base = ("Role", f"{RBAC}/namespaces/{namespace}") if namespace else ("ClusterRole", RBAC)
            self.send("POST", f"{base}/{kind.lower()}s", {"metadata": {"name": name}, "rules": rules})
            self._bind(name, kind, name, namespace)
            for rule in rules:
                self._heard(name, rule, namespace)
        return self._calls(name)

    def bound(self, *roles: str, cluster: bool = False) -> Calls:
        """A caller with roles that are there already: of team-a, or ClusterRoles of ours."""
        name = self._account()
        namespace = None if cluster else "team-a"
        for role in roles:
            kind, base = "Role", f"{RBAC}/namespaces/team-a/roles"
            if role.startswith("kronstream-"):
                kind, base = "ClusterRole", f"{RBAC}/clusterroles"
            self._bind(name, kind, role, namespace)
            for rule in self.send("GET", f"{base}/{role}")["rules"]:
                self._heard(name, rule, namespace)
        return self._calls(name)

    def _account(self) -> str:
        name = f"caller-{next(numbers)}"
        self.send("POST", "/api/v1/namespaces/team-a/serviceaccounts", {"metadata": {"name": name}})
        return name

    def _heard(self, name: str, rule: dict[str, Any], namespace: str | None) -> None:
        """The API server hears of a binding a moment after it wrote it."""
        resource, _, sub = rule["resources"][0].partition("/")
        asked = {"verb": rule["verbs"][0], "group": rule["apiGroups"][0], "resource": resource, "subresource": sub}
        asked |= {"name": (rule.get("resourceNames") or [""])[0], "namespace": namespace or ""}
        body = {"spec": {"user": f"system:serviceaccount:team-a:{name}", "resourceAttributes": asked}}
        eventually(lambda: self.send("POST", REVIEWS, body)["status"]["allowed"], because=str(body))

    def _calls(self, name: str) -> Calls:
        asked = {"spec": {"expirationSeconds": 3600}}
        made = self.send("POST", f"/api/v1/namespaces/team-a/serviceaccounts/{name}/token", asked)
        return Calls(self.installation.url("api-3"), made["status"]["token"])

    def _bind(self, name: str, kind: str, role: str, namespace: str | None) -> None:
        binding = {
            "metadata": {"name": f"{name}-{role}"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "team-a"}],
        }
        where = f"{RBAC}/namespaces/{namespace}/rolebindings" if namespace else f"{RBAC}/clusterrolebindings"
        self.send("POST", where, binding)
