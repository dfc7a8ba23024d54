"""Whether limits held: how many of those that share one executed at a time. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from integration.chaos.witness import Call
from soak.evidence import Evidence


def crowds(found: Evidence) -> Iterator[str]:
    """Where more executed at a time than may, but for what others may not have known of."""
    spans: dict[tuple[str, int], list[tuple[int, int, Call]]] = defaultdict(list)
    for run, calls in found.calls.items():
        kind = found.kinds.get(found.due.get(run, ""))
        if kind is not None and kind.most is not None:
            spans[kind.most] += [span for call in calls if (span := _span(found, call))]
    for (name, most), told in spans.items():
        going: list[tuple[int, int, Call]] = []
        for span in sorted(told, key=lambda one: one[0]):
            going = [one for one in going if one[1] > span[0]]
            going.append(span)
            if len(going) > most:
                yield f"{len(going)} of the {name} executed at a time, {most} may: {[one[2] for one in going]}"


def _span(found: Evidence, call: Call) -> tuple[int, int, Call] | None:
    """While an attempt counted; one whose process was killed tells no end, and counts for nothing."""
    if call.left is None or found.unsure(call.began) or found.stood_still(call.worker, call.began):
        return None
    lost = [harm.lost for harm in found.harms if harm.worker == call.worker and harm.outlasted]
    return call.began, min([call.left, *(at for at in lost if at >= call.began)]), call
