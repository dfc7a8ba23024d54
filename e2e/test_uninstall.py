"""What an uninstalled release leaves: the definitions, and so every job."""

from e2e.cluster import Cluster
from e2e.objects import scheduled
from e2e.release import NAME, STORAGE, Release

from eventually import eventually

KINDS = (
    "deployments,statefulsets,services,configmaps,secrets,serviceaccounts,poddisruptionbudgets,networkpolicies,roles"
)


def test_an_uninstalled_release_leaves_jobs_and_nothing_else(release: Release, jobs: Cluster) -> None:
    jobs.apply(scheduled("stays", "echo"))
    release.helm("uninstall", NAME, "--wait", "--timeout", "300s")

    assert jobs.read("scheduledjob", "stays")["spec"]["handler"] == {"function": {"name": "echo"}}
    eventually(lambda: not ours(release.cluster, "pods"), within=120)
    assert ours(release.cluster, KINDS) == []
    claims = [claim["status"]["phase"] for claim in release.cluster.items("persistentvolumeclaims")]
    assert claims == (["Bound"] if STORAGE else [])  # the data of Redis stays
    for kind in ("clusterroles", "clusterrolebindings", "validatingwebhookconfigurations", "priorityclasses"):
        assert ours(release.cluster, kind) == []
    # the operators made it, and the last one of them takes it away: else no namespace could be deleted any more
    assert release.cluster("get", "apiservice", "v1.runs.kronstream.dev", "--ignore-not-found") == ""


def test_a_namespace_with_jobs_can_be_deleted_without_the_release(release: Release, jobs: Cluster) -> None:
    jobs("delete", "namespace", jobs.namespace, "--timeout=120s", limit=150)


def ours(cluster: Cluster, kinds: str) -> list[str]:
    """Objects of the release by its labels."""
    found = cluster.items(kinds, "-l", f"app.kubernetes.io/instance={NAME}")
    return [f"{thing['kind']}/{thing['metadata']['name']}" for thing in found]
