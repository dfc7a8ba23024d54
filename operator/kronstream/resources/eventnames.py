"""The names in an EventHandler: of types of events, streams, jobs, workflows and agents."""

from __future__ import annotations

from typing import Annotated

from kronstream.domain import eventpattern, eventstream
from kronstream.resources.scalars import Taken, Words

JobName = Annotated[
    str,
    Words(
        "a ScheduledJob's name",
        r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*",
        253,
        "write the name of a ScheduledJob of this namespace: lower-case letters, digits, '-' and '.', with a letter or "
        "digit at both ends (253 at most), like nightly-report",
    ),
]
_KNOWN = "write the name by which those who read the stream know it: letters, digits and _ . : / - (128 at most), like "
WorkflowName = Annotated[
    str, Words("a workflow's name", "[A-Za-z0-9_][A-Za-z0-9_.:/-]*", 128, f"{_KNOWN}nightly-export")
]
AgentName = Annotated[str, Words("an agent's name", "[A-Za-z0-9_][A-Za-z0-9_.:/-]*", 128, f"{_KNOWN}reports:generate")]
EventPattern = Annotated[
    str,
    Words("a type of events", eventpattern.GRAMMAR, eventpattern.MAX_LENGTH, eventpattern.INSTEAD),
]
StreamName = Annotated[
    str,
    Words(
        "the name of a stream",
        "[A-Za-z0-9_][A-Za-z0-9_.:/-]*",
        200,
        "write the key of a Redis stream: letters, digits and _ . : / - (200 at most), like stream:events",
    ),
    Taken(eventstream.OWN, eventstream.NO_EVENTS, "write the name of another stream, like stream:events"),
]
