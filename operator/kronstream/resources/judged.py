"""Whether a job can run as its spec says: the one judgement that the operator and `kronstream validate` share."""

from __future__ import annotations

from dataclasses import dataclass

from kronstream.domain import condition, jitter, keys, zone
from kronstream.domain.condition import Condition
from kronstream.domain.errors import Invalid
from kronstream.domain.limits import Gate
from kronstream.domain.schedule import Schedule
from kronstream.domain.when import When
from kronstream.resources.spec import Spec


@dataclass(frozen=True, slots=True)
class Judged:
    """What a good spec means; `schedule` is None for a job that runs only when asked, `condition` without runIf."""

    when: When
    schedule: Schedule | None
    condition: Condition | None
    keys: tuple[Gate, ...] = ()


def gates(spec: Spec, identity: str) -> tuple[Gate, ...]:
    """The gates of the spec's own payload. Raises Invalid for a key that cannot be told from it."""
    namespace, _, name = identity.partition("/")
    job = {"namespace": namespace, "name": name, "platformId": spec.platform_id}
    try:
        return keys.gates([limit.told for limit in spec.limits], job, spec.payload)
    except ValueError as fault:
        at, _, why = str(fault).partition(": ")
        raise Invalid(f"spec.limits{at}", why) from None


def judge(spec: Spec, created_ms: int, identity: str) -> Judged:
    """The meaning of the spec of the job `identity` (`namespace/name`), created at that instant.

    Raises Invalid for the first thing that cannot be used: its schedule, its zone, its jitter, its handler's
    templates and expressions, its condition. A schedule that never comes is none of them.
    """
    when = spec.when(created_ms, identity)
    schedule = when.schedule()
    if schedule is not None and spec.jitter_ms:
        try:
            jitter.check(schedule, spec.jitter_ms, created_ms)
        except ValueError as fault:
            raise Invalid("spec.jitter", str(fault)) from None
    spec.handler.judge("spec.handler")
    limits = gates(spec, identity)
    if spec.run_if is None:
        return Judged(when, schedule, None, limits)
    try:
        zone.load(spec.time_zone or "UTC")
    except ValueError as fault:
        raise Invalid("spec.timeZone", str(fault), "write a name of the tz database, like Europe/Berlin") from None
    try:
        return Judged(when, schedule, condition.compile(spec.run_if), limits)
    except ValueError as fault:
        raise Invalid("spec.runIf", str(fault)) from None
