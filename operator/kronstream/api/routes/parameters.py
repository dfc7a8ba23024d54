"""Parameters that several calls have."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header, Path, Query

from kronstream.api.gate import BASE

JobId = Annotated[
    str,
    Path(description="The job's id (the UID of its resource), or `namespace:name`.", min_length=1, max_length=400),
]
RunId = Annotated[str, Path(description="The execution's id.", min_length=1, max_length=400)]
Limit = Annotated[int, Query(ge=1, le=500, description="How many are answered.")]
Offset = Annotated[int, Query(ge=0, le=1_000_000_000, description="How many of the first are left out.")]
Namespace = Annotated[
    str | None, Query(max_length=63, description="The namespace; the API's default when left out, `*` for all of them.")
]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        json_schema_extra={"pattern": "^[!-~]{1,255}$"},
        description="1 to 255 visible ASCII characters: a request that comes again with it within a day is done once "
        "and answered the same.",
    ),
]

__all__ = ["BASE", "IdempotencyKey", "JobId", "Limit", "Namespace", "Offset", "RunId"]
