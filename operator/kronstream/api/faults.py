"""What others raise, as problems."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic_core import ErrorDetails
from redis.exceptions import RedisError
from starlette.exceptions import HTTPException

from kronstream.api.problem import Problem, away
from kronstream.operations.ingest import Rejected, Unavailable
from kronstream.operations.jobs import Unfit
from kronstream.operations.refused import Refused, Why
from kronstream.ports.jobstore import StoreAway, StoreRefusal
from kronstream.resources.scalars import quoted

STATUS = {Why.GONE: 404, Why.CONFLICT: 409, Why.INVALID: 400, Why.FORBIDDEN: 403}

# fields of a spec, and what they are called in a body
NAMES: Mapping[str, str] = {
    "spec.schedule": "schedule",
    "spec.timeZone": "timezone",
    "spec.runAt": "execute_at",
    "spec.displayName": "name",
    "spec.description": "description",
    "spec.handler.function.name": "handler_name",
    "spec.handler.agent.name": "handler_name",
    "spec.handler.workflow.stream.name": "handler_name",
    "spec.handler": "handler_type",
    "spec.handler.http": "http",
    "spec.handler.job": "job",
    "spec.payload": "payload",
    "spec.retry.limit": "max_retries",
    "spec.timeout": "timeout_ms",
    "spec.priority": "priority",
    "spec.tags": "tags",
    "spec.platformId": "platform_id",
    "spec.createdBy": "created_by",
    "spec.queue": "queue",
}


def problem_of(error: BaseException) -> Problem | None:
    """The problem that an exception is; None for one that nobody foresaw."""
    if isinstance(error, Problem):
        return error
    return next((made(error) for kind, made in MADE.items() if isinstance(error, kind)), None)


def of_validation(errors: Sequence[Any]) -> Problem:
    """What pydantic found wrong with a body, a query or a path."""
    said = [(_field(error), _message(error)) for error in errors[:20]]
    return Problem(400, "; ".join(f"{field}: {text}" if field else text for field, text in said[:5]), said)


def named(field: str) -> str:
    """What a field of a spec is called in a body, the nearest above it where it has no name of its own."""
    if field in NAMES:
        return NAMES[field]
    for known in sorted(NAMES, key=len, reverse=True):
        if field.startswith((f"{known}.", f"{known}[")):
            return NAMES[known] + field[len(known) :]
    return field


def _of_refusal(refused: Refused) -> Problem:
    field, colon, _ = str(refused).partition(": ")
    named_field = refused.why is Why.INVALID and colon and field.isidentifier()
    return Problem(STATUS[refused.why], str(refused), [(field, str(refused))] if named_field else ())


def _of_http(error: HTTPException) -> Problem:
    said = {
        404: "there is no such path; /openapi.json tells which there are",
        405: "the path is there, but not with this method; /openapi.json tells with which",
    }
    detail = said.get(error.status_code, str(error.detail))
    return Problem(400 if error.status_code == 422 else error.status_code, detail, headers=error.headers)


def _field(error: ErrorDetails) -> str:
    where = [part for part in error["loc"] if part not in ("body", "query", "path", "header")]
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in where)
    return text.lstrip(".")


SAID: Mapping[str, str] = {
    "missing": "is missing; write it",
    "extra_forbidden": "is not a field; remove it, or see /openapi.json for those that there are",
    "string_type": "{value} is not a text; put it in quotes",
    "string_too_short": "is empty; write at least {min_length} character",
    "string_too_long": "is too long; write at most {max_length} characters",
    "string_pattern_mismatch": "{value} does not fit; write what matches {pattern}",
    "int_type": "{value} is not a whole number; write digits without quotes",
    "int_from_float": "{value} is not a whole number; write digits without a point",
    "int_parsing": "{value} is not a whole number; write digits",
    "int_parsing_size": "the number is too large; write a smaller one",
    "bool_type": "{value} is neither true nor false; write true or false without quotes",
    "bool_parsing": "{value} is neither true nor false; write true or false",
    "literal_error": "{value} is not known; write {expected}",
    "enum": "{value} is not known; write {expected}",
    "greater_than_equal": "{value} is too small; write at least {ge}",
    "less_than_equal": "{value} is too large; write at most {le}",
    "too_long": "has {actual_length} entries; write at most {max_length}",
    "list_type": "{value} is not a list; write it in brackets",
    "dict_type": "{value} is not an object; write it in braces",
    "model_attributes_type": "{value} is not an object; write its fields in braces",
    "model_type": "{value} is not an object; write its fields in braces",
    "json_invalid": "is not JSON: {error}",
}


def _message(error: ErrorDetails) -> str:
    context: dict[str, Any] = dict(error.get("ctx") or {})
    if error["type"] == "value_error":
        return str(context.get("error", error["msg"]))
    context.setdefault("error", "")
    context["value"] = quoted(error.get("input"))
    text = SAID.get(error["type"])
    return text.format_map(context) if text else error["msg"]


def _said(fault: str, instead: str) -> str:
    return f"{fault}; {instead}" if instead else fault


def _of_unfit(unfit: Unfit) -> Problem:
    errors = [(named(fault.field), _said(fault.fault, fault.instead)) for fault in unfit.faults]
    return Problem(400, "; ".join(f"{field}: {message}" for field, message in errors[:5]), errors)


def _of_rejected(error: Rejected) -> Problem:
    return Problem(error.status, str(error), [(error.field, str(error))] if error.field else ())


MADE: Mapping[type[BaseException], Callable[[Any], Problem]] = {
    Refused: lambda error: away(str(error)) if error.why is Why.AWAY else _of_refusal(error),
    Unfit: _of_unfit,
    StoreAway: lambda _: away("the Kubernetes API is away; try again"),
    StoreRefusal: lambda error: Problem(409, str(error)),
    Rejected: _of_rejected,
    Unavailable: lambda error: away(str(error), error.retry_after),
    HTTPException: _of_http,
    RedisError: lambda _: away("Redis is away; try again"),
    OSError: lambda _: away("Redis is away; try again"),
    TimeoutError: lambda _: away("Redis is away; try again"),
}
EXPECTED = tuple(MADE)
