"""Whether the parts live and keep up, of what `doctor` saw: pure judgements, each with what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kronstream.cli.diagnosis import Finding
from kronstream.cli.instants import instant, span
from kronstream.domain.naming import some

if TYPE_CHECKING:
    from kronstream.ports import Backlog, Lag, QueuePause, WorkerCard

ALIVE = 5_000
LAG = 60_000
NAMED = 3
HOLDS = "paused "  # as controller.replicas marks a replica that holds all jobs
LABEL = "app.kubernetes.io/name=kronstream"


def of_operators(beats: Mapping[str, int], now: int, *, whole: bool) -> Iterator[Finding]:
    """Operators by their last heartbeat; `whole` tells whether the store is filled."""
    yield from _of_replicas("Operators", "operator", beats, now, missing="nothing is dispatched")
    live = [name for name, at in beats.items() if now - at <= ALIVE]
    plans = sorted({name.split("|", 2)[1] for name in live if name.count("|") > 1})
    if len(plans) > 1:
        text = f"they plan by different versions, {', '.join(plans)} (engine and time zones); the highest plans"
        yield Finding("Operators", "warning", text, "let all operators have one image")
    holding = sorted(_shown(name) for name in live if name.rpartition("|")[2].startswith(HOLDS))
    if holding:
        text = f"{some(holding, NAMED)} holds all jobs"
        yield Finding("Operators", "warning", text, "leave out --paused (KRONSTREAM_PAUSED) to let them go on")
    if beats and not whole:
        text = "Redis was lost, and nothing is dispatched before it is filled from the resources"
        yield Finding("Operators", "warning", text, "wait a minute; if it stays, look at the operators' logs")


def of_routers(beats: Mapping[str, int], now: int, handlers: int) -> Iterator[Finding]:
    """Routers by their last heartbeat; where there are no EventHandlers none is needed."""
    if handlers or any(now - at <= ALIVE for at in beats.values()):
        missing = f"events wait for {handlers} EventHandler{'' if handlers == 1 else 's'}"
        yield from _of_replicas("Routers", "router", beats, now, missing=missing)
    else:
        yield Finding("Routers", "ok", "none lives, and there are no EventHandlers")


def _of_replicas(area: str, role: str, beats: Mapping[str, int], now: int, *, missing: str) -> Iterator[Finding]:
    live = sorted(name for name, at in beats.items() if now - at <= ALIVE)
    if live:
        yield Finding(area, "ok", f"{len(live)} live: {some(sorted(_shown(name) for name in live), NAMED)}")
    else:
        do = f"start one: `kronstream {role}`, or look at `kubectl -n kronstream-system get pods -l {LABEL}`"
        yield Finding(area, "wrong", f"no {role} lives: {missing}", do)
    for name in sorted(set(beats) - set(live)):
        text = f"{_shown(name)} was last heard {span((now - beats[name]) / 1000)} ago, and did not say that it ends"
        yield Finding(area, "warning", text, "look at its log; a minute after its last heartbeat it is forgotten")


def _shown(name: str) -> str:
    """A replica as people call it; it beats as `namespaces|version|name`, routers without a version."""
    scope, bar, _ = name.partition("|")
    own = name.rpartition("|")[2].removeprefix(HOLDS)
    return f"{own} (of namespaces {scope})" if bar and scope else own


def of_deployments(deployments: Sequence[Mapping[str, Any]], version: str) -> Iterator[Finding]:
    """Whether each has the replicas that it wants, and all are of one version, that of this command line."""
    if not deployments:
        yield Finding("Deployments", "ok", f"none has the label {LABEL}: the parts run otherwise")
        return
    versions: dict[str, list[str]] = {}
    for one in deployments:
        yield _of_deployment(one)
        for tag in _tags(one):
            versions.setdefault(tag, []).append(str(one["metadata"]["name"]))
    if len(versions) > 1:
        told = "; ".join(f"{tag}: {some(sorted(set(names)), NAMED)}" for tag, names in sorted(versions.items()))
        yield Finding("Versions", "warning", f"the parts differ: {told}", "let all Deployments have one image")
    elif versions and version not in versions:
        text = f"the parts are {next(iter(versions))}, this command line is {version}"
        yield Finding("Versions", "warning", text, "use the command line of that version")
    elif versions:
        yield Finding("Versions", "ok", f"all parts and this command line are {version}")


def _of_deployment(one: Mapping[str, Any]) -> Finding:
    meta = one["metadata"]
    name, wanted = f"{meta['namespace']}/{meta['name']}", int(one["spec"].get("replicas", 1))
    ready = int((one.get("status") or {}).get("readyReplicas") or 0)
    if not wanted:
        do = f"`kubectl -n {meta['namespace']} scale deployment {meta['name']} --replicas=2`"
        return Finding("Deployments", "warning", f"{name} is scaled to 0", do)
    if ready >= wanted:
        return Finding("Deployments", "ok", f"{name}: {ready} of {wanted} replicas are ready")
    do = f"`kubectl -n {meta['namespace']} describe deployment {meta['name']}`, and `logs deployment/{meta['name']}`"
    return Finding(
        "Deployments", "warning" if ready else "wrong", f"{name}: {ready} of {wanted} replicas are ready", do
    )


def _tags(one: Mapping[str, Any]) -> list[str]:
    """The tags of its containers' images; one that is named by its digest alone has none."""
    containers = one["spec"]["template"]["spec"].get("containers") or ()
    names = [str(container.get("image") or "").partition("@")[0].rpartition("/")[2] for container in containers]
    return sorted({tag for _, colon, tag in (name.partition(":") for name in names) if colon})


def of_events(stream: str, lag: Lag | None, now: int) -> Finding | None:
    """Whether a stream of events is read; None where it is."""
    if lag is None:
        text = f"nobody reads {stream}, of which there are EventHandlers"
        return Finding("Events", "warning", text, "is a router running? It begins once it knows every handler")
    if lag.oldest is None or now - lag.oldest < LAG:
        return None
    many = "events" if lag.waiting is None else f"{lag.waiting} event{'' if lag.waiting == 1 else 's'}"
    text = f"{many} wait{'s' if lag.waiting == 1 else ''} in {stream}, the oldest for {span((now - lag.oldest) / 1000)}"
    return Finding("Events", "wrong", text, "look at the routers' logs, or start more operators, each with a router")


def of_overdue(jobs: Sequence[Mapping[str, Any]], now: int) -> Finding:
    """Whether a job's next run is past by more than a minute, by the store's clock."""
    due = [(_due(job), job) for job in jobs]
    late = sorted((at, _name(job)) for at, job in due if at is not None and now - at >= LAG)
    if not late:
        return Finding("Lag", "ok", "no job is overdue")
    oldest = span((now - late[0][0]) / 1000)
    names = some([name for _, name in late], NAMED)
    text = f"{len(late)} job{'' if len(late) == 1 else 's'} overdue: {names}; since {oldest}"
    return Finding("Lag", "wrong", text, "look at the operators' logs; is Redis filled, and does an operator live?")


def _due(job: Mapping[str, Any]) -> int | None:
    status = job.get("status") or {}
    at = instant(status.get("nextRunTime"))
    return None if at is None or status.get("suspended") not in (None, "No") else int(at.timestamp() * 1000)


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
