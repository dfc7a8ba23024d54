"""A release of the chart, from the built image, in a namespace that lets only restricted Pods in."""

import pytest
from e2e.cluster import Cluster
from e2e.objects import scheduled
from e2e.release import COMPONENTS, Release

from eventually import eventually


def test_every_pod_is_ready(release: Release) -> None:
    release.rolled_out()
    for component in COMPONENTS:
        pods = release.cluster.pods(component)
        assert pods, component
        assert release.cluster.ready(component) == len(pods), component


def test_no_container_was_restarted(release: Release) -> None:
    for component in COMPONENTS:
        for pod in release.cluster.pods(component):
            restarts = {status["name"]: status["restartCount"] for status in pod["status"]["containerStatuses"]}
            assert set(restarts.values()) == {0}, (pod["metadata"]["name"], restarts)


def test_the_release_passes_its_test(release: Release) -> None:
    assert "Succeeded" in release.helm("test", "kronstream", "--timeout", "300s")


@pytest.mark.parametrize("function", ["echo", "witness:note", "witness:sync"])
def test_an_applied_job_is_executed_by_a_worker(release: Release, jobs: Cluster, function: str) -> None:
    name = f"first-{function.replace(':', '-')}"
    jobs.apply(scheduled(name, function, every="2s"))

    def went_well() -> bool:
        status = jobs.read("scheduledjob", name).get("status", {})
        return status.get("runs", {}).get("succeeded", 0) >= 2 and status.get("lastRun", {}).get("status") == "success"

    eventually(went_well, within=60)
    jobs("delete", "scheduledjob", name)


def test_handlers_run_under_the_restricted_profile(release: Release, jobs: Cluster) -> None:
    jobs.apply(scheduled("surroundings", "witness:surroundings", every="2s"))

    def result() -> object:
        found = jobs.items("executions", "-l", "kronstream.dev/job=surroundings,kronstream.dev/status=success")
        return found[0]["status"]["result"] if found else None

    told = eventually(result, within=60)
    assert told == {"uid": 65532, "capabilities": [0, 0, 0], "noNewPrivileges": True, "writes": False}
    jobs("delete", "scheduledjob", "surroundings")
