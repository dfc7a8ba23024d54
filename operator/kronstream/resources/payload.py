"""The payload: any JSON, bounded in size and depth."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema

from kronstream.domain.depth import LEVELS, too_deep
from kronstream.resources.scalars import invalid

MAX_BYTES = 65_536
MAX_DEPTH = LEVELS
_ELSEWHERE = "keep the data elsewhere and write its address into the payload"


class Bounded:
    """Any JSON of at most MAX_BYTES, written compactly in UTF-8, and MAX_DEPTH levels."""

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self._read)

    def _read(self, value: object) -> object:
        if isinstance(value, (dict, list)) and too_deep(value):
            raise invalid(f"is nested more than {MAX_DEPTH} levels deep", "write it flatter")
        try:
            text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
            size = len(text.encode())
        except (TypeError, ValueError):
            raise invalid("is not JSON", "write what JSON can say") from None
        if size > MAX_BYTES:
            raise invalid(f"has {size} bytes of JSON and {MAX_BYTES} are allowed", _ELSEWHERE)
        return value

    def __get_pydantic_json_schema__(
        self, _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        # CEL cannot see what has no schema: the API server judges the values near the top, one by one
        return _value(levels=1)


def _value(levels: int) -> JsonSchemaValue:
    # nullable, else the API server removes nulls; `items` would make `kubectl explain` call a payload a list
    schema: JsonSchemaValue = {
        "x-kubernetes-preserve-unknown-fields": True,
        "nullable": True,
        "maxLength": MAX_BYTES - 2,
        "maxItems": MAX_BYTES // 2,  # `0,` is the shortest item
        "maxProperties": MAX_BYTES // 5,  # `"":0,` is the shortest property
    }
    return {**schema, "additionalProperties": _value(levels - 1)} if levels else schema


Payload = Annotated[Any, Bounded()]
