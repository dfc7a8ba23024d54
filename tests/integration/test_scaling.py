"""What autoscalers read of a real backlog, and the replicas that they make of it: by Prometheus, and by KEDA."""

import math
import string
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from eventually import eventually
from integration.charting import CHART, ROOT, Helm, Object
from integration.installation import HANDLERS, Installation
from integration.objects import ready, scheduled
from integration.prometheus import Prometheus, scraping
from kronstream.dev import components
from unit.docpage import blocks

NAMESPACE = "kronstream-system"
SLOTS = {"scaled-mail": 2, "scaled-reports": 2}
# ten: any lane alone makes 2 replicas of three runs, any queue alone 2, all of them together 4
BACKLOG = {("scaled-mail", "high"): 4, ("scaled-mail", "low"): 2, ("scaled-reports", "medium"): 4}
EACH = 3
TOLERANCE = 0.1  # of kube-controller-manager
WITHIN = 30.0


@pytest.fixture(scope="module")
def prometheus(
    shared_installation: Installation, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Prometheus, Installation]]:
    """One that asks both operators."""
    ports = [shared_installation.components[name].port for name in shared_installation.operators]
    assert len(ports) == 2
    rules = [CHART / "files" / "alerts" / "slo.yaml"]
    with scraping(tmp_path_factory.mktemp("prometheus"), {"operator": ports}, rules) as found:
        yield found, shared_installation


def pool(helm: Helm, kind: str, least: int) -> dict[str, Object]:
    """What the chart makes of a pool of both queues, by kind."""
    scaling = {"kind": kind, "minReplicas": least, "maxReplicas": 20, "runsPerReplica": EACH}
    queues = [f"{name}={slots}" for name, slots in SLOTS.items()]
    values = {"redis": {"host": "redis"}, "workers": [{"name": "default", "queues": queues, "autoscaling": scaling}]}
    asked = ("template", "kronstream", str(CHART), "-n", NAMESPACE, "-s", "templates/scaling.yaml", "-f", "-")
    text = helm(*asked, stdin=yaml.safe_dump(values))
    return {item["kind"]: item["spec"] for item in yaml.safe_load_all(text) if item}


def adapted(metric: Object) -> str:
    """The query that prometheus-adapter makes of an external metric, by the rule of docs/configure.md."""
    pages = [block.text for block in blocks(ROOT / "docs" / "configure.md") if "metricsQuery" in block.text]
    (rule,) = yaml.safe_load("\n".join(pages))["rules"]["external"]
    assert rule["name"]["as"] == metric["name"]
    assert rule["resources"]["overrides"] == {"namespace": {"resource": "namespace"}}
    (one,) = metric["selector"]["matchExpressions"]
    assert one["operator"] == "In"
    matchers = f'{one["key"]}=~"{"|".join(sorted(one["values"]))}",namespace="{NAMESPACE}"'
    series = rule["seriesQuery"].partition("{")[0]
    query: str = rule["metricsQuery"]
    return query.replace("<<.Series>>", series).replace("<<.LabelMatchers>>", matchers)


def replicas(values: Sequence[float], target: Object, now: int, least: int, most: int) -> int:
    """What a HorizontalPodAutoscaler makes of an external metric with an average value: it adds up what it is given."""
    assert target["type"] == "AverageValue"
    used, each = sum(values), float(target["averageValue"])
    wanted = now if abs(1 - used / (each * now)) <= TOLERANCE else math.ceil(used / each)
    return min(max(wanted, least), most)


def by_hpa(spec: Object, prometheus: Prometheus, now: int) -> tuple[float, int]:
    """The backlog, and the replicas wanted where there are `now`; raises AssertionError while nothing tells."""
    (metric,) = spec["metrics"]
    found = prometheus.ask(adapted(metric["external"]["metric"]))
    values = [float(one["value"][1]) for one in found]
    assert len(values) == len(SLOTS), found
    return sum(values), replicas(values, metric["external"]["target"], now, spec["minReplicas"], spec["maxReplicas"])


def by_keda(spec: Object, redis: Any, now: int) -> tuple[float, int]:
    """The same as KEDA sees it: XLEN where a trigger has no consumerGroup; below one replica by activity alone."""
    assert all(trigger["type"] == "redis-streams" for trigger in spec["triggers"])
    assert not any("consumerGroup" in trigger["metadata"] for trigger in spec["triggers"])
    lengths = {trigger["name"]: redis.xlen(trigger["metadata"]["stream"]) for trigger in spec["triggers"]}
    assert all(set(name) <= set(string.ascii_lowercase + string.digits + "_") for name in lengths)
    formula = spec["advanced"]["scalingModifiers"]
    assert sorted(formula["formula"].split(" + ")) == sorted(lengths)
    total = float(sum(lengths.values()))
    if total <= float(formula["activationTarget"]):
        return total, spec["minReplicaCount"]
    target = {"type": formula["metricType"], "averageValue": formula["target"]}
    return total, replicas([total], target, max(now, 1), max(spec["minReplicaCount"], 1), spec["maxReplicaCount"])


@contextmanager
def working(installation: Installation) -> Iterator[None]:
    """A worker of both queues."""
    queues = ",".join(f"{name}={slots}" for name, slots in SLOTS.items())
    environ = {"PROBE_REDIS_URL": installation.plane.redis_url}
    arguments = ("--handlers", str(HANDLERS), "--queue", queues)
    worker = components.component(installation.plane, "worker", 9, arguments, environ)
    worker.process.start()
    try:
        yield
    finally:
        worker.process.stop()


def states(installation: Installation, jobs: Mapping[tuple[str, str], Object]) -> dict[str, list[str]]:
    """Ids of runs by state."""
    found: dict[str, list[str]] = {}
    for job in jobs.values():
        for record in installation.records(job):
            found.setdefault(record.state.value, []).append(record.id)
    return found


def test_replicas_follow_what_waits_and_what_runs(
    installation: Installation, prometheus: tuple[Prometheus, Installation], tmp_path: Path
) -> None:
    monitor, _ = prometheus
    helm = Helm(tmp_path)
    hpa = pool(helm, "hpa", 1)["HorizontalPodAutoscaler"]
    keda = pool(helm, "keda", 0)["ScaledObject"]

    def seen(backlog: int, now: int, wanted: int, asleep: int | None = None) -> None:
        """Both see the backlog and want so many replicas where there are `now`; KEDA wants `asleep` where it may."""
        eventually(lambda: by_hpa(hpa, monitor, now) == (backlog, wanted), within=WITHIN)
        assert by_keda(keda, installation.redis, now) == (backlog, wanted if asleep is None else asleep)

    spec = {"function": "probe:sleep", "payload": {"seconds": 600}, "concurrencyPolicy": "Allow"}
    jobs = {
        (queue, lane): installation.apply(scheduled(f"{queue}-{lane}", queue=queue, priority=lane, **spec))[0]
        for queue, lane in BACKLOG
    }
    for job in jobs.values():
        installation.wait(job, ready)
    seen(0, 1, 1, asleep=0)

    for place, count in BACKLOG.items():
        uid = jobs[place]["metadata"]["uid"]
        for number in range(count):
            installation.ask(lambda service, uid=uid, key=str(number): service.runs.run_now(uid, key))
    seen(10, 1, 4)
    # each operator tells all of it, as soon as it was scraped
    eventually(
        lambda: monitor.ask('sum(kronstream_queue_entries{queue=~"scaled-.*"})')[0]["value"][1] == "20", within=WITHIN
    )

    with working(installation):
        eventually(lambda: len(states(installation, jobs).get("running", ())) == sum(SLOTS.values()), within=WITHIN)
        seen(10, 4, 4)

        waiting = states(installation, jobs)["queued"]
        installation.ask(lambda service: service.runs.cancel(waiting, "test"))
        seen(4, 4, 2)  # busy alone: a replica for every three that run, though nothing waits

        running = states(installation, jobs)["running"]
        assert len(running) == 4
        installation.ask(lambda service: service.runs.cancel(running, "test"))
        seen(0, 2, 1, asleep=0)
