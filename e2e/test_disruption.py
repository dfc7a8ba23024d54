"""Pods that are deleted, and a node that is drained, under load."""

from e2e.cluster import Cluster, RefusedError
from e2e.load import QUIET, Load
from e2e.release import NAME, STORAGE, Release

from eventually import eventually

# the single Redis of the release is for trying: it goes with its Pod
OURS = f"app.kubernetes.io/instance={NAME},app.kubernetes.io/component!=redis"


def test_an_operators_pod_is_deleted(release: Release, load_of: Load) -> None:
    delete_one(release.cluster, "operator")
    load_of.run_on(5)
    settle(release, load_of)


def test_a_workers_pod_is_deleted(release: Release, load_of: Load) -> None:
    delete_one(release.cluster, "worker")
    load_of.run_on(10)
    settle(release, load_of)


def test_a_node_is_drained_as_budgets_allow(release: Release, load_of: Load) -> None:
    """With one node there is nowhere to go: the budgets keep all but one Pod of each component, until it is back."""
    node = release.cluster.pods("operator")[0]["spec"]["nodeName"]
    alone = len(release.cluster.items("nodes")) == 1
    release.cluster("scale", "deployment/kronstream-worker", "--replicas=2")
    release.rolled_out()
    try:
        drained = drain(release.cluster, node, limit=30 if alone else 300)
        assert drained is not alone
        assert release.cluster.read("node", node)["spec"]["unschedulable"] is True
        for component in ("operator", "worker", "api"):
            assert release.cluster.ready(component) >= 1, component
        load_of.run_on(5)
    finally:
        release.cluster("uncordon", node)
        release.rolled_out()
    release.cluster("scale", "deployment/kronstream-worker", "--replicas=1")
    settle(release, load_of)


def test_all_pods_are_gone_for_some_seconds(release: Release, load_of: Load) -> None:
    """Drained by force, everything but Redis is gone until the node is back; what was due then is late, not lost."""
    node = release.cluster.pods("operator")[0]["spec"]["nodeName"]
    try:
        assert drain(release.cluster, node, "--disable-eviction", limit=300)
        assert node not in {pod["spec"].get("nodeName") for pod in release.cluster.pods("operator")}
    finally:
        release.cluster("uncordon", node)
        release.rolled_out()
    load_of.run_on(5)
    settle(release, load_of)


def test_the_pod_of_redis_is_deleted(release: Release, load_of: Load) -> None:
    """With a volume nothing is lost; without, everything is filled in again from the resources, and jobs go on."""
    before = load_of.seen()
    delete_one(release.cluster, "redis")
    load_of.run_on(10)
    if STORAGE:
        until = min(max(seen.began) for seen in load_of.seen().values())
        assert all(min(seen.began) == min(before[name].began) for name, seen in load_of.seen().items())
        eventually(lambda: load_of.missing(until) == {}, within=QUIET)


def drain(cluster: Cluster, node: str, *options: str, limit: int) -> bool:
    """Whether the node could be emptied within `limit` seconds."""
    try:
        cluster(
            "drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--pod-selector", OURS,
            "--timeout", f"{limit}s", *options, limit=limit + 30,
        )  # fmt: skip
    except RefusedError as error:
        if "disruption budget" not in str(error):
            raise
        return False
    return True


def delete_one(cluster: Cluster, component: str) -> None:
    """Delete a Pod, and wait until there is another one in its place."""
    pods = cluster.pods(component)
    gone = pods[0]["metadata"]
    cluster("delete", "pod", gone["name"], "--wait=true", limit=120)
    eventually(lambda: cluster.ready(component) == len(pods), within=120)
    assert gone["uid"] not in {pod["metadata"]["uid"] for pod in cluster.pods(component)}


def settle(release: Release, load: Load) -> None:
    """No run was lost or doubled."""
    release.rolled_out()
    load.stop()
    assert load.faults() == []
