"""Jobs of every kind that are all due at one instant, a whole minute."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from benchmarks.bare import job

ZONES = ("UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "Australia/Sydney", "Africa/Nairobi")
Spec = dict[str, Any]


def _wall(due: datetime, number: int) -> tuple[str, datetime]:
    name = ZONES[number % len(ZONES)]
    return name, due.astimezone(ZoneInfo(name))


def _daily(due: datetime, number: int) -> Spec:
    name, wall = _wall(due, number)
    # lists that differ from job to job, so that not all share one expression; nothing comes before the instant
    later = wall.minute + 1 + number % 50
    minutes = f"{wall.minute},{later}" if later < 60 else str(wall.minute)
    return {"schedule": f"{minutes} {wall.hour} * * *", "timeZone": name}


def _seconds(due: datetime, number: int) -> Spec:
    name, wall = _wall(due, number)
    return {
        "schedule": f"0 {wall.minute} {wall.hour} * * *",
        "timeZone": name,
        "dst": {"gap": "Skip", "repeat": "Both"},
    }


def _union(due: datetime, number: int) -> Spec:
    name, wall = _wall(due, number)
    return {"schedules": [f"{wall.minute} {wall.hour} * * *", f"{wall.minute} * * * *"], "timeZone": name}


def _rule(due: datetime, number: int) -> Spec:
    name, wall = _wall(due, number)
    return {"rrule": f"FREQ=DAILY;BYHOUR={wall.hour};BYMINUTE={wall.minute};BYSECOND=0", "timeZone": name}


def _every(due: datetime, number: int) -> Spec:
    return {"every": f"{1 + number % 12}h", "anchor": due.isoformat().replace("+00:00", "Z")}


def _limited(due: datetime, number: int) -> Spec:
    around = {"notBefore": due - timedelta(days=1), "notAfter": due + timedelta(days=1)}
    window = {name: at.isoformat().replace("+00:00", "Z") for name, at in around.items()}
    return {**_daily(due, number), **window, "exclude": ["2030-12-24/2031-01-02", "0 0 1 1 *"]}


def _ending(due: datetime, number: int) -> Spec:
    return {**_daily(due, number), "endAfter": {"runs": 5}, "suspendAfterFailures": 3}


def _queued(due: datetime, number: int) -> Spec:
    return {**_daily(due, number), "concurrencyPolicy": "Queue", "maxConcurrent": 2}


def _grouped(due: datetime, number: int) -> Spec:
    return {**_daily(due, number), "concurrencyGroup": {"name": f"group-{number % 100}", "max": 1000}}


def _conditional(due: datetime, number: int) -> Spec:
    return {**_daily(due, number), "runIf": 'last.status != "failed"'}


KINDS: tuple[Callable[[datetime, int], Spec], ...] = (
    _daily, _seconds, _union, _rule, _every, _limited, _ending, _queued, _grouped, _conditional,
)  # fmt: skip


def mixture(count: int, due: int) -> list[dict[str, Any]]:
    """``count`` jobs, a tenth of each kind, all due at the Unix second ``due``."""
    at = datetime.fromtimestamp(due, UTC)
    return [job(f"mixed-{number}", **KINDS[number % len(KINDS)](at, number // len(KINDS))) for number in range(count)]
