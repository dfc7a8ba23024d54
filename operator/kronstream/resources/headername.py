"""The names of headers that a job may set."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema

from kronstream.resources.scalars import invalid, quoted

# of the connection and its framing, and those that every request has from us
_OF_THE_CONNECTION = (
    *("accept-encoding", "connection", "content-length", "expect", "host", "keep-alive", "proxy-.*", "te"),
    *("trailer", "transfer-encoding", "upgrade"),
)
_OURS = ("idempotency-key", "kronstream-.*", "traceparent", "user-agent", "webhook-(id|signature|timestamp)")
_KEPT_BACK = "|".join((*_OF_THE_CONNECTION, *_OURS))
_HEADER_NAME = "[A-Za-z0-9][A-Za-z0-9_.-]{0,127}"
_NAME_INSTEAD = "write letters, digits and _ . - (128 at most), like X-Request-Source"
_OURS_INSTEAD = (
    "leave it out: Host, the headers of the connection and its framing, Idempotency-Key, User-Agent, traceparent, "
    "webhook-… and Kronstream-… are set for every request"
)


def _name_fault(name: str) -> tuple[str, str] | None:
    if not re.fullmatch(_HEADER_NAME, name):
        return f"{quoted(name)} is not a header's name", _NAME_INSTEAD
    if re.fullmatch(_KEPT_BACK, name.lower()):
        return f"{quoted(name)} is not for a job to set", _OURS_INSTEAD
    return None


def _name_rules(path: str) -> list[JsonSchemaValue]:
    return [
        {"rule": f"{path}.matches('^{_HEADER_NAME}$')", "message": _NAME_INSTEAD},
        {"rule": f"!{path}.lowerAscii().matches('^({_KEPT_BACK})$')", "message": _OURS_INSTEAD},
    ]


@dataclass(frozen=True)
class OneHeader:
    """A text that names a header which a job may set."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        def check(name: str) -> str:
            if fault := _name_fault(name):
                raise invalid(*fault)
            return name

        return core_schema.no_info_after_validator_function(check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(schema), "maxLength": 128, "x-kubernetes-validations": _name_rules("self")}


@dataclass(frozen=True)
class HeaderNames:
    """A map whose keys name headers which a job may set."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        def check(headers: dict[str, str]) -> dict[str, str]:
            for name in headers:
                if fault := _name_fault(name):
                    raise invalid(*fault)
            return headers

        return core_schema.no_info_after_validator_function(check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        rules = [{**rule, "rule": f"self.all(name, {rule['rule']})"} for rule in _name_rules("name")]
        return {**handler(schema), "x-kubernetes-validations": rules}
