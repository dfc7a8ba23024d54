"""Workers are scaled under load, by people and by what a HorizontalPodAutoscaler does."""

import json
from collections.abc import Callable

import pytest
from e2e.load import Load
from e2e.release import Release

from eventually import eventually

WORKERS = "kronstream-worker"


def by_kubectl(release: Release, replicas: int) -> None:
    release.cluster("scale", f"deployment/{WORKERS}", f"--replicas={replicas}")


def by_subresource(release: Release, replicas: int) -> None:
    """What the HorizontalPodAutoscaler's controller does: read the scale, write it back."""
    path = f"/apis/apps/v1/namespaces/{release.cluster.namespace}/deployments/{WORKERS}/scale"
    scale = json.loads(release.cluster("get", "--raw", path))
    scale["spec"]["replicas"] = replicas
    release.cluster("replace", "--raw", path, "-f", "-", stdin=json.dumps(scale))


@pytest.mark.parametrize("scale", [by_kubectl, by_subresource])
def test_from_one_worker_to_five_and_back(
    scale: Callable[[Release, int], None], release: Release, load_of: Load
) -> None:
    assert len(release.cluster.pods("worker")) == 1
    alone = load_of.pods()
    assert len(alone) == 1
    try:
        scale(release, 5)
        eventually(lambda: release.cluster.ready("worker") == 5, within=300)
        load_of.run_on(10)
        eventually(lambda: len(load_of.pods() - alone) == 4, within=120, because="new workers take their part")
    finally:
        scale(release, 1)
    # those that drain are counted, too
    eventually(lambda: len(release.cluster.items("pods", "-l", "app.kubernetes.io/component=worker")) == 1, within=180)
    load_of.run_on(5)
    load_of.stop()
    assert load_of.faults() == []
