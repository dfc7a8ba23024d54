"""Answers that refuse, as Kubernetes says them: an object of kind Status with a reason for programs."""

from typing import Any

from kronstream.operations import Refused
from kronstream.operations.refused import Why
from kronstream.runsapi.names import GROUP, PLURAL

CODES = {
    "BadRequest": 400,
    "Unauthorized": 401,
    "NotFound": 404,
    "MethodNotAllowed": 405,
    "NotAcceptable": 406,
    "AlreadyExists": 409,
    "Conflict": 409,
    "Expired": 410,
    "RequestEntityTooLarge": 413,
    "UnsupportedMediaType": 415,
    "Invalid": 422,
    "TooManyRequests": 429,
    "InternalError": 500,
    "ServiceUnavailable": 503,
}
RETRY_AFTER = 1
MOST = 1_024
_WHYS = {Why.GONE: "NotFound", Why.CONFLICT: "Conflict", Why.INVALID: "Invalid", Why.AWAY: "ServiceUnavailable"}


class Refusal(Exception):  # noqa: N818 - an answer
    """The answer to a request that is not done; ``field`` is what in its body is at fault."""

    def __init__(self, reason: str, message: str, *, name: str = "", field: str = "") -> None:
        super().__init__(message[:MOST])
        self.code = CODES[reason]
        self._reason = reason
        self._name = name
        self._field = field

    @property
    def status(self) -> dict[str, Any]:
        """The object."""
        details: dict[str, Any] = {"group": GROUP, "kind": PLURAL}
        if self._name:
            details["name"] = self._name
        if self._field:
            details["causes"] = [{"reason": "FieldValueInvalid", "field": self._field, "message": str(self)}]
        if self.code in (429, 503):
            details["retryAfterSeconds"] = RETRY_AFTER
        return {
            **success({}),
            "status": "Failure",
            "message": str(self),
            "reason": self._reason,
            "details": details,
            "code": self.code,
        }


def success(details: dict[str, Any]) -> dict[str, Any]:
    """The Status of something that was done."""
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def not_found(name: str) -> Refusal:
    """There is no such execution in that namespace; whether another one has it is not told."""
    return Refusal("NotFound", f'executions.{GROUP} "{name[:253]}" not found', name=name[:253])


def invalid(field: str, message: str) -> Refusal:
    """A field of a body cannot be used."""
    return Refusal("Invalid", f"{field}: {message}", field=field)


def of_service(refused: Refused, name: str = "") -> Refusal:
    """What the service of operations refused."""
    return Refusal(_WHYS[refused.why], str(refused), name=name)
