"""What is well and what is not, of what `doctor` saw: pure judgements, each with what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kronstream.cli.instants import span
from kronstream.ports import Backlog, QueuePause, WorkerCard

Level = Literal["ok", "warning", "wrong"]
SKEW, BAD_SKEW = 1_000, 10_000
LAG = 60_000
FULL = 0.8


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `do` tells what to do about it."""

    area: str
    level: Level
    text: str
    do: str = ""


def of_crd(shipped: Mapping[str, Any], found: Mapping[str, Any] | None) -> Finding:
    """Whether a CRD of this version is in force."""
    name = shipped["metadata"]["name"]
    do = "run `kronstream crds | kubectl apply --server-side -f -`"
    if found is None:
        return Finding("CRDs", "wrong", f"{name} is not there", do)
    states = {one["type"]: one["status"] for one in (found.get("status") or {}).get("conditions") or ()}
    if states.get("Established") != "True":
        return Finding("CRDs", "wrong", f"{name} is there, but not served", f"see `kubectl describe crd {name}`")
    missing = sorted(set(_fields(shipped)) - set(_fields(found)))
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        return Finding("CRDs", "wrong", f"{name} is of another version: it lacks {missing[0]}{more}", do)
    return Finding("CRDs", "ok", f"{name} is in force")


def _fields(crd: Mapping[str, Any]) -> Iterator[str]:
    for version in crd["spec"]["versions"]:
        yield from _paths(version["name"], (version.get("schema") or {}).get("openAPIV3Schema") or {})


def _paths(path: str, schema: Mapping[str, Any]) -> Iterator[str]:
    yield path
    for name, inner in (schema.get("properties") or {}).items():
        yield from _paths(f"{path}.{name}", inner)
    if isinstance(schema.get("items"), Mapping):
        yield from _paths(f"{path}[]", schema["items"])


def of_rights(account: str, missing: Sequence[str], total: int) -> Finding:
    """Whether a service account may do what it has to."""
    if not missing:
        return Finding("RBAC", "ok", f"{account} has the {total} rights that it needs")
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    return Finding(
        "RBAC", "wrong", f"{account} may not {missing[0]}{more}", "apply deploy/ (or the chart) of this version"
    )


def of_redis(info: Mapping[str, Any], unsuitable: str) -> Iterator[Finding]:
    """Version, policy, memory and persistence; `unsuitable` is what `verify` said."""
    if unsuitable:
        fault, _, do = unsuitable.partition(": ")
        yield Finding("Redis", "wrong", fault, do)
    else:
        yield Finding("Redis", "ok", f"version {info['redis_version']}, a primary, evicts nothing")
    if not info.get("aof_enabled"):
        do = "run `CONFIG SET appendonly yes`, and set it in redis.conf"
        yield Finding("Redis", "warning", "what is written is lost when Redis ends: appendonly is no", do)
    elif info.get("aof_last_write_status", "ok") != "ok":
        yield Finding("Redis", "wrong", "the append-only file cannot be written", "look at its disk and its log")
    else:
        yield Finding("Redis", "ok", "persistent by its append-only file")
    used, most = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    if most and used > FULL * most:
        do = "raise maxmemory; when it is full nothing is dispatched"
        yield Finding("Redis", "warning", f"{100 * used // most} % of maxmemory are used", do)


def of_owner(owner: str | None, cluster: str) -> Finding:
    """Whether the data in Redis is this cluster's; `cluster` is '' where it could not be asked."""
    if owner is None:
        return Finding("Installation", "ok", "the data in Redis belongs to no cluster yet")
    if not cluster:
        return Finding("Installation", "warning", f"the data in Redis belongs to cluster {owner}; which one this is "
                       "could not be read", "call as somebody who may get the namespace kube-system")  # fmt: skip
    if owner != cluster:
        do = (
            "give this installation a Redis or a KRONSTREAM_STREAM_NAME of its own; if that cluster is no more, start "
            f"the operators with KRONSTREAM_TAKE_OVER={owner}"
        )
        return Finding("Installation", "wrong", f"the data in Redis belongs to cluster {owner}, this is {cluster}", do)
    return Finding("Installation", "ok", "the data in Redis belongs to this cluster")


def of_clock(theirs: int, mine: int, round_trip: int) -> Finding:
    """Redis' clock beside the one here, in milliseconds; half of the round trip is no difference."""
    skew = max(0, abs(theirs - mine) - round_trip)
    said = f"Redis' clock and the one here differ by {span(skew / 1000)}"
    if skew < SKEW:
        return Finding("Clocks", "ok", said)
    level: Level = "wrong" if skew >= BAD_SKEW else "warning"
    return Finding("Clocks", level, said, "let NTP or chrony set both; runs are due by Redis' and the operator's clock")


def of_workers(cards: Sequence[WorkerCard], queues: Iterable[str]) -> Iterator[Finding]:
    """Whether every queue is served."""
    served = {queue for card in cards for queue in card.queues}
    slots = sum(card.concurrency for card in cards)
    if not cards:
        yield Finding("Workers", "wrong", "no worker lives", "start one: `kronstream worker`, or scale its Deployment")
        return
    yield Finding("Workers", "ok", f"{len(cards)} live, for {slots} runs at a time")
    for queue in sorted(set(queues) - served):
        yield Finding(
            "Workers",
            "warning",
            f"no worker serves queue {queue}",
            f"start one with `kronstream worker --queue {queue}`",
        )


def of_lag(backlogs: Iterable[Backlog], paused: Mapping[str, QueuePause]) -> Iterator[Finding]:
    """Whether runs wait for long."""
    late = [one for one in backlogs if one.oldest is not None and one.oldest >= LAG]
    for one in late:
        text = f"{max(1, one.entries - one.taken)} run(s) wait in {one.queue}/{one.lane.value}, the oldest for "
        text += span((one.oldest or 0) / 1000)
        if one.queue in paused:
            yield Finding("Lag", "warning", f"{text}; the queue is paused", f"`kronstream resume --queue {one.queue}`")
        else:
            yield Finding("Lag", "wrong", text, "add workers, or raise their concurrency")
    if not late:
        yield Finding("Lag", "ok", "nothing waits for longer than a minute")


def of_letters(runs: int, events: int) -> Finding:
    """Whether there is something that could not be delivered."""
    if not runs and not events:
        return Finding("Dead letters", "ok", "none")
    do = "look at `kronstream dead-letters list`; replay or drop them"
    return Finding("Dead letters", "warning", f"{runs} of runs, {events} of events", do)


def of_jobs(jobs: Sequence[Mapping[str, Any]]) -> Finding:
    """Whether all jobs can be used, and were looked at by an operator."""
    stalled = [job for job in jobs if _state(job, "Stalled") == "True"]
    unseen = [job for job in jobs if (job.get("status") or {}).get("observedGeneration") is None]
    if unseen:
        text = f"{len(unseen)} of {len(jobs)} were never looked at, such as {_name(unseen[0])}"
        return Finding("Jobs", "wrong", text, "is an operator running? `kubectl -n kronstream-system get pods`")
    if stalled:
        text = f"{len(stalled)} of {len(jobs)} cannot be used, such as {_name(stalled[0])}"
        return Finding("Jobs", "warning", text, "`kronstream get jobs -A --status invalid`")
    return Finding("Jobs", "ok", f"{len(jobs)} are in force")


def _state(job: Mapping[str, Any], kind: str) -> str:
    conditions = (job.get("status") or {}).get("conditions") or ()
    return next((str(one["status"]) for one in conditions if one["type"] == kind), "")


def _name(job: Mapping[str, Any]) -> str:
    return f"{job['metadata']['namespace']}/{job['metadata']['name']}"
