"""A handler that only some workers are started with."""

from typing import Any

from kronstream.handlers import handler


@handler("other:only")
async def only(payload: Any) -> Any:
    """Returns its payload."""
    return payload
