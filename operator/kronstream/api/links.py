"""Links of the OpenAPI document: what an answer tells, and which calls take it as their parameter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

# the schema of an answer -> where in it (RFC 6901), and the parameter that takes it
TELLS = {
    "JobView": ("/id", "job_id"),
    "StartedView": ("/execution_id", "execution_id"),
    "RetriedView": ("/execution_id", "execution_id"),
    "BegunView": ("/operation_id", "operation_id"),
}
# of a list, the first
LISTS = {
    "JobView": ("/0/id", "job_id"),
    "ExecutionView": ("/0/id", "execution_id"),
    "HandlerView": ("/0/id", "handler_id"),
    "LetterView": ("/0/id", "letter_id"),
    "QueueView": ("/0/name", "name"),
}
# to be called by who did the work, with a token that no answer tells
APART = ("/complete",)


def link(document: dict[str, Any]) -> None:
    """Write the links into every answer that tells an identity: where a job, an execution, an operation is made, or the
    first of a list is shown."""
    takers = _takers(document)
    for call in _calls(document):
        for status, answer in call["responses"].items():
            pointer, parameter = _told(answer) if status.startswith("2") else ("", "")
            found = {
                other["operationId"]: {
                    "operationId": other["operationId"],
                    "parameters": {parameter: f"$response.body#{pointer}"},
                    "description": other["summary"],
                }
                for other in takers.get(parameter, ())
                if other is not call
            }
            if found:
                answer["links"] = found


def _calls(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (call for calls in document["paths"].values() for call in calls.values())


def _takers(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The calls by the parameter that their path takes."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path, calls in document["paths"].items():
        for call in calls.values():
            for parameter in call.get("parameters", ()):
                if parameter["in"] == "path" and not path.endswith(APART):
                    found.setdefault(parameter["name"], []).append(call)
    return found


def _told(answer: dict[str, Any]) -> tuple[str, str]:
    """Where an answer tells an identity, and the parameter that takes it; '' where it tells none."""
    schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
    table = LISTS if schema.get("type") == "array" else TELLS
    name = schema.get("items", schema).get("$ref", "").rpartition("/")[2]
    return table.get(name, ("", ""))
