"""Events and EventHandlers in tests: sending, waiting for what they cause."""

import itertools
import json
from collections.abc import Callable
from typing import Any

from integration.installation import Installation
from integration.objects import Object, condition

STREAM = "stream:events"
_numbers = itertools.count(1)


def event(kind: str, /, data: Any = None, **attributes: Any) -> Object:
    """A CloudEvent in structured form, unlike any other's unless ``id`` is given."""
    made = {"specversion": "1.0", "id": f"test-{next(_numbers)}", "source": "/tests", "type": kind}
    return made | ({} if data is None else {"data": data}) | attributes


def send(installation: Installation, *events: Object, stream: str = STREAM) -> list[str]:
    """Adds events to a stream as any producer would; the ids of their entries."""
    pipe = installation.redis.pipeline(transaction=False)
    for one in events:
        pipe.xadd(stream, {"event": json.dumps(one)})
    return [str(entry) for entry in pipe.execute()]


def listening(handler: Object) -> bool:
    """Whether this generation is in force and its stream is read."""
    status = handler.get("status", {})
    return (
        status.get("observedGeneration") == handler["metadata"]["generation"]
        and condition(handler, "Ready").get("status") == "True"
    )


def counted(**counts: int) -> Any:
    """Whether a handler's status has these counts, such as ``success=1``."""

    def holds(handler: Object) -> bool:
        status = handler.get("status", {})
        return all(status.get(f"{name}Count") == number for name, number in counts.items())

    return holds


def letters(installation: Installation) -> list[dict[str, str]]:
    """The dead letters of events, the oldest first."""
    return [fields for _, fields in installation.redis.xrange(installation.keys.dead_events)]


def settled(installation: Installation, stream: str = STREAM) -> Callable[[], bool]:
    """Whether all of a stream was read and acknowledged."""

    def holds() -> bool:
        (group,) = installation.redis.xinfo_groups(stream)
        return (
            not group["pending"]
            and group["last-delivered-id"] == installation.redis.xinfo_stream(stream)["last-generated-id"]
        )

    return holds


def unacknowledged(installation: Installation, stream: str = STREAM) -> int:
    """Entries of a stream that were delivered and not acknowledged."""
    return int(installation.redis.xpending(stream, "kronstream-router")["pending"])
