"""What a custom resource that is over leaves in the record. Pure."""

from __future__ import annotations

from typing import Any

from kronstream.ports.result import Unfit, encode
from kronstream.worker.rulings import Fault

TEXT = 1_000  # characters of a message that others wrote

Object = dict[str, Any]


def succeeded(resource: Object) -> Any:
    """The result: the resource's status; where it is too much for a record, who it was and why it is left out."""
    status = resource.get("status")
    try:
        encode(status)
    except Unfit as unfit:
        meta = resource["metadata"]
        left_out = str(unfit).replace("the result", "its status").partition(";")[0]
        return {"kind": resource.get("kind"), "name": meta.get("name"), "note": f"{left_out}: it is left out"}
    return status


def failed(resource: Object, expression: str) -> Fault:
    """The failure, in the resource's own words where it has some."""
    status = resource.get("status")
    meta = resource["metadata"]
    said = message(status) if isinstance(status, dict) else ""
    text = f"the {resource.get('kind')} {meta.get('namespace')}/{meta.get('name')} failed"
    text += f": {said}" if said else f": {expression} is true of it"
    return Fault("WorkflowFailed", text, codes=("WorkflowFailed",))


def message(status: Object) -> str:
    """What a status says for people: its message, else that of its last condition that has one."""
    own = status.get("message")
    if isinstance(own, str) and own:
        return own[:TEXT]
    conditions = status.get("conditions")
    for condition in reversed(conditions if isinstance(conditions, list) else []):
        said = condition.get("message") if isinstance(condition, dict) else None
        if isinstance(said, str) and said:
            return said[:TEXT]
    return ""
