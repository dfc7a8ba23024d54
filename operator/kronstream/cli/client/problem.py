"""An answer that tells a fault, as a line for people: what, where, what to write instead."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from kronstream.cli.client.exits import Exit, Failure

CODES = {401: Exit.DENIED, 403: Exit.DENIED, 404: Exit.NOT_FOUND, 429: Exit.UNREACHABLE, 503: Exit.UNREACHABLE}
# what a field of a body is called on the command line
FLAGS = {
    "payload": "--payload", "merge": "--merge", "trace_id": "--trace", "reason": "--reason", "until": "--until",
    "from": "--from", "to": "--to", "pace": "--pace", "max_runs": "--max-runs", "concurrent": "--concurrent",
    "status": "--status", "type": "--type", "tag": "--tag", "platform_id": "--platform", "namespace": "--namespace",
    "limit": "--limit", "event_name": "TYPE", "event_id": "--id", "id": "--id", "data": "--data",
    "source": "--source", "subject": "--subject", "extensions": "--extension", "stream": "--stream",
}  # fmt: skip
ADVICE = {
    401: "write --token-file FILE, or --as-account NAMESPACE/NAME",
    404: "",
    429: "wait a little",
}


def failure(status: int, value: Any, url: str, about: str = "") -> Failure:
    """What a command ends with. `value` is the parsed body, None where it is no JSON; `about` names what was meant."""
    code = CODES.get(status, Exit.UNREACHABLE if status >= 500 else Exit.FAILED)
    if not isinstance(value, Mapping) or "detail" not in value:
        return Failure(code, f"{url} answered {status} {_phrase(status)}, and not as the API does; is --server right?")
    parts = [f"{about}: " if about else "", _said(value)]
    advice = ADVICE.get(status)
    return Failure(code, "".join(parts) + (f"; {advice}" if advice else ""))


def _said(problem: Mapping[str, Any]) -> str:
    """The fields at fault, in the words of the command line; the detail where no field is told."""
    errors = [one for one in problem.get("errors") or () if isinstance(one, Mapping)]
    told = [_field(str(one.get("field", "")), str(one.get("message", ""))) for one in errors]
    return "; ".join(told) if told else str(problem["detail"])


def _field(field: str, message: str) -> str:
    flag = FLAGS.get(field, field)
    if message.startswith(f"{field}: "):
        message = message.removeprefix(f"{field}: ")
    return f"{flag}: {message}" if flag else message


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "(no known status)"
