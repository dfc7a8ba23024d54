"""The ScheduledJob that createJob makes of an event. Pure."""

from __future__ import annotations

import re
from typing import Any

from kronstream.domain.eventpayload import payload
from kronstream.domain.run import digest
from kronstream.operations.listener import Listener
from kronstream.operations.routing import BY, Heard
from kronstream.resources.instant import render
from kronstream.resources.meta import CHAIN_DEPTH

FROM = "kronstream.dev/event-handler"
EVENT = "kronstream.dev/event"
TAG = "event-triggered"
LONGEST_NAME, LONGEST_LABEL, LONGEST_TAG, LONGEST_DISPLAY, LONGEST_EVENT = 63, 63, 128, 255, 256


def job_name(listener: Listener, item: str) -> str:
    """The name of the job, the same whenever the event comes; it says whose it is and fits a label."""
    stem = re.sub(r"[^a-z0-9-]", "-", listener.name)[: LONGEST_NAME - len(item) - 1].rstrip("-")
    return f"{stem}-{item}"


def job_of(listener: Listener, heard: Heard, item: str, now: int) -> dict[str, Any]:
    """The job, due at once; ``now`` is the store's clock (milliseconds). Raises Unpayable."""
    event = heard.event
    seen = heard.seen if listener.transform is not None else None
    spec: dict[str, Any] = {
        **(listener.template or {}),
        "runAt": render(now),
        "payload": payload(event, listener.payload, listener.transform, seen),
        "displayName": f"{event.type}:{listener.what}"[:LONGEST_DISPLAY],
        "description": f"Triggered by event: {event.type}",
        "tags": list(dict.fromkeys((TAG, event.type[:LONGEST_TAG]))),
        "createdBy": BY,
    }
    if listener.platform is not None:
        spec["platformId"] = listener.platform
    return {
        "apiVersion": "kronstream.dev/v1",
        "kind": "ScheduledJob",
        "metadata": {
            "name": job_name(listener, item),
            "namespace": listener.namespace,
            "labels": {FROM: _label(listener.name)},
            "annotations": {CHAIN_DEPTH: str(event.depth + 1), EVENT: f"{event.source} {event.id}"[:LONGEST_EVENT]},
            "ownerReferences": [
                {
                    "apiVersion": "kronstream.dev/v1",
                    "kind": "EventHandler",
                    "name": listener.name,
                    "uid": listener.kube_uid,
                }
            ],
        },
        "spec": spec,
    }


def _label(name: str) -> str:
    return name if len(name) <= LONGEST_LABEL else f"{name[: LONGEST_LABEL - 21]}-{digest(name)}"
