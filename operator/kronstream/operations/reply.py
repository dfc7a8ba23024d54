"""What comes back from whoever did the work, version 1.

Fields, all text: ``v`` (1), ``run``, ``token``, ``status`` (success, failed, progress); with success ``result`` (JSON);
with failed ``error`` (JSON object of type and message, or plain text), ``permanent`` (true: no further attempt),
``retry_after`` (seconds until it is worth one), ``codes`` (JSON list of names for retry.onlyOn and retry.notOn); with
progress ``progress`` (JSON). ``output`` is what the work printed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kronstream.domain.run import Reason
from kronstream.ports import Completion, Failure, bounds
from kronstream.ports.result import Unfit, encode

PROGRESS = 2_048
CODES, CODE = 8, 200


class Unreadable(ValueError):  # noqa: N818 - a verdict on a reply
    """A reply that nobody can act on, and why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply: how far the work is (JSON text), or how it ended."""

    run: str
    token: str
    progress: str | None = None
    completion: Completion | None = None


def read(fields: Mapping[str, str]) -> Answer:
    """A reply's meaning. Raises Unreadable."""
    if fields.get("v", "1") != "1":
        raise Unreadable(f"version {fields['v'][:20]!r} of the reply format; version 1 is read here")
    run, token, status = (fields.get(name, "") for name in ("run", "token", "status"))
    if not run or not token:
        raise Unreadable("a reply needs the run and the token of its order")
    if status == "progress":
        return Answer(run, token, progress=_progress(fields.get("progress", "null")))
    if status == "success":
        return Answer(run, token, completion=_success(fields))
    if status == "failed":
        return Answer(run, token, completion=_failure(fields))
    raise Unreadable(f"status {status[:40]!r}; write success, failed or progress")


def _progress(text: str) -> str:
    _json(text, "progress")
    if len(text) > PROGRESS:
        raise Unreadable(f"progress of {len(text)} characters; write at most {PROGRESS}")
    return text


def _success(fields: Mapping[str, str]) -> Completion:
    output = bounds.tail(fields.get("output", ""), bounds.OUTPUT)
    try:
        result = encode(_json(fields.get("result", "null"), "result"))
    except Unfit as unfit:
        told = Failure("InvalidResult", str(unfit))
        return Completion(reason=Reason.RESULT, failure=told, output=output)
    return Completion(result=result, output=output)


def _failure(fields: Mapping[str, str]) -> Completion:
    kind, message = _error(fields.get("error", ""))
    codes = _json(fields.get("codes", "[]"), "codes")
    if not isinstance(codes, list) or not all(isinstance(code, str) for code in codes):
        raise Unreadable("codes are a JSON list of texts")
    return Completion(
        reason=Reason.ERROR,
        failure=Failure(bounds.head(kind, CODE), bounds.head(message, bounds.MESSAGE)),
        codes=(kind[:CODE], *(code[:CODE] for code in codes[:CODES])),
        permanent=fields.get("permanent", "").lower() == "true",
        wait=_wait(fields.get("retry_after", "")),
        output=bounds.tail(fields.get("output", ""), bounds.OUTPUT),
    )


def _error(text: str) -> tuple[str, str]:
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        told = None
    if isinstance(told, dict):
        return str(told.get("type") or "Failed"), str(told.get("message") or "the work failed")
    return "Failed", text or "the work failed"


def _wait(text: str) -> int | None:
    try:
        seconds = float(text) if text else math.nan
    except ValueError:
        raise Unreadable(f"retry_after {text[:40]!r}; write seconds, such as 30") from None
    return int(min(seconds, 86_400) * 1000) if seconds >= 0 else None


def _json(text: str, name: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"{name} is not JSON: {str(error)[:200]}") from None
