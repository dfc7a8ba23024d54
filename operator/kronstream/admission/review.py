"""An AdmissionReview and the answer to it (admission.k8s.io/v1)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kronstream.domain.errors import Invalid
from kronstream.resources import GROUP, KINDS
from kronstream.resources.inspection import Inspection, inspect

API_VERSION = "admission.k8s.io/v1"
KIND = "AdmissionReview"
MOST_TOLD = 20  # faults
LONGEST = 1_024  # characters of a message
LONGEST_WARNING = 256  # kube-apiserver cuts longer ones
UNPROCESSABLE = 422

_KINDS = frozenset(kind.name for kind in KINDS)


class Unreadable(ValueError):  # noqa: N818 - says what the body is
    """A body that is no AdmissionReview; the text says why."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked. `before` is the object as it is stored, None for a new one; `namespace` is '' without one."""

    uid: str
    operation: str
    namespace: str
    obj: dict[str, Any]
    before: dict[str, Any] | None = None

    @property
    def kind(self) -> str:
        """The kind of the object, '?' for one that is not ours."""
        kind = self.obj.get("kind")
        return kind if isinstance(kind, str) and kind in _KINDS else "?"

    @property
    def name(self) -> str:
        """The name of the object, '' for one that has none."""
        meta = self.obj.get("metadata")
        name = meta.get("name") if isinstance(meta, dict) else None
        return name if isinstance(name, str) else ""


def read(body: bytes) -> Request:
    """Reads the body of a request. Raises Unreadable."""
    try:
        review = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"the body is not JSON: {str(error)[:200]}") from None
    if not isinstance(review, dict) or (review.get("apiVersion"), review.get("kind")) != (API_VERSION, KIND):
        raise Unreadable(f"the body is no {KIND} of {API_VERSION}")
    asked = review.get("request")
    if not isinstance(asked, dict) or not isinstance(asked.get("uid"), str):
        raise Unreadable("request.uid is missing")
    obj, before = asked.get("object"), asked.get("oldObject")
    if not isinstance(obj, dict) or not isinstance(obj.get("apiVersion"), str):
        raise Unreadable("request.object is missing: ask about CREATE and UPDATE")
    return Request(
        uid=asked["uid"],
        operation=str(asked.get("operation", "")),
        namespace=str(asked.get("namespace") or ""),
        obj=obj,
        before=before if isinstance(before, dict) else None,
    )


def judge(request: Request, now: int) -> Inspection:
    """What is wrong with the object and what is odd about it; `now` in milliseconds.

    Nothing is refused that leaves the spec as it was, or that is being deleted: labels and finalizers of an object that
    came before the webhook, or before a rule of this version, can be changed. Fields that this version does not know
    are warnings: the CRDs may be newer.
    """
    if not request.obj["apiVersion"].startswith(f"{GROUP}/"):
        return Inspection()  # a configuration that names others, too
    if request.before is not None and request.before.get("spec") == request.obj.get("spec"):
        return Inspection()
    meta = request.obj.get("metadata")
    if isinstance(meta, dict) and meta.get("deletionTimestamp"):
        return Inspection()
    found = inspect(request.obj, request.namespace, now)
    misspelt = found.misspelt
    faults = [fault for fault in found.faults if fault not in misspelt]
    return Inspection(faults, [*misspelt, *found.warnings])


def answer(request: Request, found: Inspection) -> dict[str, Any]:
    """The AdmissionReview that answers."""
    response: dict[str, Any] = {"uid": request.uid, "allowed": not found.faults}
    if found.warnings:
        response["warnings"] = [_cut(str(one), LONGEST_WARNING) for one in found.warnings[:MOST_TOLD]]
    if found.faults:
        response["status"] = _refused(request, found.faults)
    return {"apiVersion": API_VERSION, "kind": KIND, "response": response}


def _refused(request: Request, faults: Sequence[Invalid]) -> dict[str, Any]:
    """kubectl prints the causes, as it does for a schema: The ScheduledJob "report" is invalid: spec.schedule: …"""
    told = faults[:MOST_TOLD]
    lines = [_cut(str(fault), LONGEST) for fault in told]
    if len(faults) > len(told):
        lines.append(f"and {len(faults) - len(told)} more")
    return {
        "message": "\n".join(lines),
        "reason": "Invalid",
        "code": UNPROCESSABLE,
        "details": {
            "group": GROUP,
            "kind": request.kind,
            "name": request.name,
            "causes": [
                {"field": fault.field, "message": _cut(str(fault).removeprefix(f"{fault.field}: "), LONGEST)}
                for fault in told
            ],
        },
    }


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
