"""What becomes of runs, as events: so that chains and alerts are event handlers, too.

The store appends an entry of flat fields in the step that does it; ``event_of`` reads it.
"""

from collections.abc import Mapping
from typing import Any

from kronstream.domain.event import CHAIN, Event, instant
from kronstream.domain.run import HANDLER, trigger_of

PREFIX = "kronstream.run."
KINDS = ("started", "succeeded", "failed", "cancelled", "skipped", "dead", "retrying", "slow", "late")
TYPES = tuple(f"{PREFIX}{kind}" for kind in KINDS)
_ENDED = frozenset({"succeeded", "failed", "cancelled", "skipped", "dead"})
_REASONED = _ENDED | {"retrying"}


def kind_of(name: str) -> str:
    """The kind of a type of event. Raises ValueError for one that no run makes."""
    if name not in TYPES:
        raise ValueError(f"{name!r} is no outcome of a run; there are {', '.join(TYPES)}")
    return name.removeprefix(PREFIX)


def event_of(fields: Mapping[str, str]) -> Event:
    """The event of an entry of the store's outcomes. Raises ValueError for an entry that is none.

    ``source`` is the job (or the event handler, of whose own runs it tells), ``subject`` the run's id. Of instants that
    made no run there is one event: of ``data.count``, from ``nominal_time`` to ``last_nominal_time``, no ``run_id``.
    """
    try:
        return _event(fields)
    except (KeyError, OverflowError, ValueError) as fault:
        raise ValueError(f"not an outcome of a run: {fault}") from None


def _event(fields: Mapping[str, str]) -> Event:
    kind, run, namespace = fields["kind"], fields["run"], fields["ns"]
    if kind not in KINDS:
        raise ValueError(f"kind {kind[:32]!r}")
    resource = "eventhandlers" if fields["uid"].startswith(HANDLER) else "scheduledjobs"
    told = {"namespace": namespace, "platformid": fields.get("pf"), "traceid": fields.get("tr")}
    extensions: dict[str, str | int | bool] = {name: text for name, text in told.items() if text}
    if fields.get("dp"):
        extensions[CHAIN] = int(fields["dp"])
    return Event(
        id=f"{run}/{kind}/{fields.get('att') or 0}",
        source=f"/kronstream/namespaces/{namespace}/{resource}/{fields['nm']}",
        type=PREFIX + kind,
        subject=run,
        time=int(fields["at"]),
        datacontenttype="application/json",
        data=_data(kind, fields),
        extensions=extensions,
    )


def _data(kind: str, fields: Mapping[str, str]) -> dict[str, Any]:
    """What is told of the run; a field that is not known is null, of an attempt that goes on there is no end."""

    def number(name: str) -> int | None:
        return int(fields[name]) if fields.get(name) else None

    def moment(name: str) -> str | None:
        at = number(name)
        return None if at is None else instant(at)

    ended, count = kind in _ENDED, number("count")
    data = {
        "run_id": fields["run"] if count is None else None,
        "job_id": fields["uid"],
        "job_name": fields["nm"],
        "namespace": fields["ns"],
        "nominal_time": moment("nom"),
        "status": fields.get("st"),
        "reason": fields.get("why") if kind in _REASONED else None,
        "attempt": number("att") or 0,
        "trigger": trigger_of(fields["run"]).name.lower(),
        "duration_ms": number("dur") if ended else None,
        "started_at": moment("sta"),
        "finished_at": moment("fin") if ended else None,
        "message": fields.get("msg", ""),
        "consecutive_failures": number("cf") or 0,
    }
    return data if count is None else {**data, "count": count, "last_nominal_time": moment("last")}
