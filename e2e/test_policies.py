"""Network policies: accepted everywhere; where the cluster's network enforces them, what they deny is denied."""

from e2e.cluster import Cluster
from e2e.load import Load
from e2e.release import NAME, Release, values

from eventually import eventually

STRANGER = "stranger"


def test_everything_works_under_network_policies(release: Release, witness: object, load_of: Load) -> None:
    release.upgrade(networkPolicy={"enabled": True})
    policies = release.cluster.items("networkpolicies")
    assert any(not policy["spec"].get("ingress") and not policy["spec"].get("egress") for policy in policies)
    load_of.run_on(5)
    load_of.stop()
    assert load_of.faults() == []


def test_a_stranger_reaches_redis_only_where_policies_are_not_enforced(release: Release, jobs: Cluster) -> None:
    """Whether they are enforced is seen by a policy of the test's own, not believed."""
    image = values()["image"]
    jobs.apply(listener(f"{image['repository']}:{image['tag']}"), deny_all())
    jobs("wait", "--for=condition=Ready", "pod/listener", "--timeout=120s", limit=150)
    address = jobs.read("pod", "listener")["status"]["podIP"]
    try:
        enforced = not reaches(jobs, address, 8000)
        redis = release.cluster.read("service", f"{NAME}-redis")["spec"]["clusterIP"]
        assert reaches(jobs, redis, 6379) is not enforced
    finally:
        jobs("delete", "pod", "listener", "--grace-period=1")
        jobs("delete", "networkpolicy", "deny-listener")
        release.upgrade(networkPolicy={"enabled": False})


def reaches(jobs: Cluster, host: str, port: int) -> bool:
    """Whether a Pod of another namespace can connect."""
    image = values()["image"]
    code = f"import socket; socket.create_connection(({host!r}, {port}), 5)"
    jobs.apply(pod(STRANGER, f"{image['repository']}:{image['tag']}", code))
    try:

        def phase() -> str:
            found = jobs.read("pod", STRANGER)["status"].get("phase", "")
            return found if found in {"Succeeded", "Failed"} else ""

        return eventually(phase, within=120) == "Succeeded"
    finally:
        jobs("delete", "pod", STRANGER, "--grace-period=1")


def listener(image: str) -> dict[str, object]:
    return pod("listener", image, "import http.server as s; s.test(port=8000)")


def pod(name: str, image: str, code: str) -> dict[str, object]:
    container = {"name": name, "image": image, "command": ["python", "-c", code]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"e2e": name}},
        "spec": {"restartPolicy": "Never", "automountServiceAccountToken": False, "containers": [container]},
    }


def deny_all() -> dict[str, object]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "deny-listener"},
        "spec": {"podSelector": {"matchLabels": {"e2e": "listener"}}, "policyTypes": ["Ingress"]},
    }
