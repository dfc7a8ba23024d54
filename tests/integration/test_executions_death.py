"""The extension API server dies: the rest of the cluster goes on, and namespaces can be deleted."""

import json
import time
from collections.abc import Iterator

import pytest

from eventually import eventually
from integration.executions import Served
from integration.objects import scheduled
from kronstream.dev.controlplane import ControlPlane
from kronstream.dev.kubectl import KubectlError

DOOMED, LATER = "doomed", "later"
LIMIT = 90.0  # seconds from its death until a namespace is gone


@pytest.fixture
def served() -> Iterator[Served]:
    """With kube-controller-manager, which deletes namespaces."""
    with ControlPlane(controller_manager=True, aggregation=True) as plane, Served(plane) as served:
        yield served


def namespaces(served: Served) -> list[str]:
    found = served.installation.objects.send("GET", "/api/v1/namespaces")["items"]
    return [one["metadata"]["name"] for one in found]


@pytest.mark.timeout(400)
def test_its_death_harms_nothing_else(served: Served) -> None:
    kubectl = served.kubectl
    kubectl("create", "namespace", DOOMED)
    served.installation.apply(scheduled("last", DOOMED))
    name = served.run(DOOMED, "last")
    kubectl("wait", "-n", DOOMED, "--for=condition=Finished", f"execution/{name}", "--timeout=20s")

    begin = time.monotonic()
    served.kill()
    kubectl("delete", "namespace", DOOMED, "--wait=false")
    assert "scheduledjobs" in kubectl("api-resources", "--api-group=kronstream.dev")
    served.installation.apply(scheduled("alive"))
    assert "deployments" in kubectl("api-resources", "--api-group=apps")

    # once the API server has noticed, it can no longer tell what is in a namespace, and none would go
    eventually(lambda: not served.available(), within=60)
    kubectl("create", "namespace", LATER)
    kubectl("delete", "namespace", LATER, "--wait=false")
    assert "alive" in kubectl("get", "scheduledjobs")
    eventually(lambda: not {DOOMED, LATER} & set(namespaces(served)), within=LIMIT - (time.monotonic() - begin))
    eventually(lambda: not served.known(), within=LIMIT - (time.monotonic() - begin))
    with pytest.raises(KubectlError):
        kubectl("get", "executions")

    # and it comes back by itself
    served.start()
    eventually(served.available, within=30)
    kubectl("create", "namespace", DOOMED)
    assert served.executions("-n", DOOMED) == []
    with pytest.raises(KubectlError, match="not found"):
        kubectl("get", "execution", "-n", DOOMED, name)

    # nobody would look after it any more
    served.installation.stop("operator-1")
    assert not served.known()
    assert json.loads(kubectl("get", "--raw", "/apis"))["kind"] == "APIGroupList"
