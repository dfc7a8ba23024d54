"""What is written into a stream for whoever does the work, version 1. Readers ignore fields they do not know.

Fields, all text: ``v`` (1), ``kind`` (agent, workflow, cancel), ``name``, ``run``, ``attempt``, ``token``, ``reply``
(the stream that waits for the answer), ``namespace``, ``job``, ``nominal`` and ``deadline`` (milliseconds since 1970),
``payload`` (JSON), and where there is one ``platform_id`` and ``trace_id``. An order may come twice: do the work of one
``token`` once (a store that lost its last second begins the same attempt anew, with another one). ``cancel`` has kind,
run, attempt and token: the attempt ended without the work.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from kronstream.ports import Claim, Recall

VERSION = "1"


def order(kind: str, claim: Claim, token: str, reply: str, now: int) -> Mapping[str, str]:
    """The entry for an attempt's work; ``now`` is where the deadline counts from, if the attempt has no start yet."""
    work = claim.work
    call = work.call or {}
    name = str(call.get("stream", call).get("name", ""))
    fields = {
        "v": VERSION,
        "kind": kind,
        "name": name,
        "run": claim.run,
        "attempt": str(claim.attempt),
        "token": token,
        "reply": reply,
        "namespace": work.namespace,
        "job": work.name,
        "nominal": str(claim.nominal),
        "deadline": str((claim.started or now) + work.timeout),
        "payload": json.dumps(work.payload, ensure_ascii=False, separators=(",", ":")),
    }
    if_there = {"platform_id": work.platform_id, "trace_id": claim.trace}
    return fields | {name: value for name, value in if_there.items() if value}


def cancellation(recall: Recall) -> Mapping[str, str]:
    """The entry that takes an order back."""
    return {
        "v": VERSION,
        "kind": "cancel",
        "run": recall.run,
        "attempt": str(recall.attempt),
        "token": recall.token,
        "namespace": recall.namespace,
        "job": recall.name,
    }
