"""The control plane that everything else is tested on."""

import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from eventually import eventually
from kronstream.dev.controlplane import ControlPlane, pong
from kronstream.dev.kubectl import Kubectl, KubectlError


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    """One that these tests may harm."""
    with ControlPlane() as plane:
        yield plane


def test_it_serves_the_pinned_version(kubectl: Kubectl) -> None:
    assert "Server Version: v1.37.2" in kubectl("version")


def test_rbac_holds_for_a_service_account(controlplane: ControlPlane) -> None:
    stranger = controlplane.kubeconfig_for("stranger", namespace="default")

    with pytest.raises(KubectlError, match="Forbidden"):
        controlplane.kubectl("get", "secrets", f"--kubeconfig={stranger}")


def test_a_service_account_is_who_it_says(controlplane: ControlPlane) -> None:
    operator = controlplane.kubeconfig_for("kronstream-operator")

    who = controlplane.kubectl("auth", "whoami", f"--kubeconfig={operator}")

    assert "system:serviceaccount:kronstream-system:kronstream-operator" in who
    assert "system:serviceaccounts:kronstream-system" in who


def test_everything_listens_on_loopback_alone(controlplane: ControlPlane) -> None:
    for pid in controlplane.pids.values():
        listening = [it for it in psutil.Process(pid).net_connections("tcp") if it.status == psutil.CONN_LISTEN]
        assert listening
        assert {it.laddr.ip for it in listening} == {"127.0.0.1"}


def test_a_killed_redis_comes_back_with_its_data(plane: ControlPlane) -> None:
    first = plane.pids["redis"]

    plane.stop_part("redis", signal.SIGKILL)
    assert plane.pids["redis"] is None
    assert not pong(plane.ports.redis)
    plane.start_part("redis")

    assert plane.pids["redis"] not in {None, first}
    assert pong(plane.ports.redis)


def test_a_killed_api_server_comes_back_on_its_port(plane: ControlPlane) -> None:
    plane.kubectl("create", "namespace", "before")

    plane.stop_part("apiserver", signal.SIGKILL)
    assert not plane.api.ok("/readyz")
    plane.start_part("apiserver")

    assert "before" in plane.kubectl("get", "namespaces")


def test_etcd_restored_from_an_older_copy_has_forgotten(plane: ControlPlane, tmp_path: Path) -> None:
    plane.kubectl("create", "namespace", "older")
    plane.save_part("etcd", tmp_path / "copy")
    plane.kubectl("create", "namespace", "newer")

    plane.restore_part("etcd", tmp_path / "copy")

    namespaces = plane.kubectl("get", "namespaces")
    assert "older" in namespaces
    assert "newer" not in namespaces


def test_a_frozen_part_can_be_thawed(plane: ControlPlane) -> None:
    plane.signal_part("redis", signal.SIGSTOP)
    eventually(lambda: psutil.Process(plane.pids["redis"]).status() == psutil.STATUS_STOPPED)

    plane.signal_part("redis", signal.SIGCONT)

    eventually(lambda: pong(plane.ports.redis))


def test_nothing_is_left_behind() -> None:
    with ControlPlane() as plane:
        pids, folder = list(plane.pids.values()), plane.folder

    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert not folder.exists()
