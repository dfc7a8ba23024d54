"""Commands of the pages for administrators that need Pods: each is run as it stands there, in the release's namespace.

All others are run by the tests of an embedded control plane; `tests/unit/pagecommands.py` says which.
"""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from e2e.cluster import Cluster, run
from e2e.release import COMPONENTS, Release

from eventually import eventually
from unit.pagecommands import PODS, Command, claimed

COMMANDS = claimed(PODS)
FORWARD = "kubectl -n kronstream-system port-forward deployment/kronstream-operator 8080\n"
ASK = "curl -s http://127.0.0.1:8080/readyz\ncurl -s http://127.0.0.1:8080/metrics\n"
SCALE = re.compile(r"kubectl .* scale deployment/kronstream-(\w+) --replicas=(\d)")
# what pages say is seen when a command was run as it stands; the others have tests of their own
OF = "-l app.kubernetes.io/component"
SEEN: dict[str, str] = {
    "helm test kronstream -n kronstream-system": r"Phase: +Succeeded",
    "kubectl -n kronstream-system rollout status deployment/kronstream-operator": "successfully rolled out",
    f"kubectl -n kronstream-system get pods {OF}=operator": r"operator-\S+ +2/2 +Running",
    f"kubectl -n kronstream-system get pods {OF}=worker": r"worker-\S+ +1/1 +Running",
    f"kubectl -n kronstream-system describe pods {OF}=operator": r"Ready +True",
    f"kubectl -n kronstream-system logs {OF}=api --tail=100": '"message": "api on port 3051 starts"',
    f"kubectl -n kronstream-system logs {OF}=operator -c operator --tail=1000": r'"message": "operator \S+ starts"',
    "kubectl -n kronstream-system exec deployment/kronstream-operator -c operator -- kronstream doctor":
        r"(?m)^ok +Redis: version",
}  # fmt: skip
# of those that change something; after each the release is as it was
CHANGES = ("kubectl -n kronstream-system create configmap acme-jobs --from-file=jobs.py\n",
           "kubectl -n kronstream-system rollout restart deployment/kronstream-worker")  # fmt: skip
LOOK = "kubectl -n kronstream-system get pods -l app.kubernetes.io/name=kronstream -o wide\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where commands are run: with the programs in `bin`, and a file of functions."""
    folder = tmp_path_factory.mktemp("pages")
    (folder / "bin").mkdir()
    for name, variable in (("kubectl", "KUBECTL"), ("helm", "HELM")):
        program = shutil.which(os.environ.get(variable, name))
        assert program, name
        (folder / "bin" / name).symlink_to(program)
    (folder / "jobs.py").write_text("from kronstream.handlers import handler\n", encoding="utf-8")
    return folder


Shell = Callable[[str], str]


@pytest.fixture
def shell(release: Release, folder: Path) -> Shell:
    """Runs what is typed, in the namespace of this release."""

    def typed(text: str) -> str:
        filled = text.replace("kronstream-system", release.cluster.namespace)
        environ = {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
        return run("bash", "-euo", "pipefail", "-c", f"cd {folder}; {filled}", limit=300, environ=environ)

    return typed


def test_every_command_has_its_test() -> None:
    known = {*SEEN, *CHANGES, FORWARD, ASK}
    assert [one for one in COMMANDS if one.text not in known and not SCALE.match(one.text) and not looks(one)] == []
    assert known <= {one.text for one in COMMANDS}


def looks(command: Command) -> bool:
    """Whether it is the block that looks at Pods and logs."""
    return command.page == "observe" and command.text.startswith(LOOK)


@pytest.mark.parametrize("text", SEEN)
def test_a_command_shows_what_it_is_for(shell: Shell, text: str) -> None:
    said = shell(text)
    assert re.search(SEEN[text], said), said


def test_pods_and_logs_are_looked_at(release: Release, shell: Shell) -> None:
    (block,) = [one for one in COMMANDS if looks(one)]
    said = shell(block.text)
    for component in COMPONENTS:
        assert f"kronstream-{'runs' if component == 'runs-apiserver' else component}-" in said, component
    assert "Name:             kronstream-operator-" in said
    assert re.search(r"^\[pod/kronstream-operator-\S+/router\] ", said, re.MULTILINE)


@pytest.fixture
def forwarded(shell: Shell, release: Release, folder: Path) -> Iterator[Callable[[str, int], str]]:
    """What the page's question answers over the page's forwarding, to a Deployment's port."""
    running: list[subprocess.Popen[bytes]] = []

    def ask(target: str, port: int) -> str:
        with socket.create_server(("127.0.0.1", 0)) as free:
            here = free.getsockname()[1]
        text = FORWARD.replace("kronstream-system", release.cluster.namespace)
        command = text.replace("deployment/kronstream-operator 8080", f"deployment/{target} {here}:{port}").split()
        program = str(folder / "bin" / command[0])
        running.append(subprocess.Popen([program, *command[1:]], stdout=subprocess.DEVNULL))
        eventually(lambda: not socket.socket().connect_ex(("127.0.0.1", here)), within=30)
        return shell(ASK.replace(":8080/", f":{here}/"))

    yield ask
    for process in running:
        process.terminate()
        process.wait()


@pytest.mark.parametrize(
    ("target", "port", "metric"),
    [("kronstream-operator", 8080, "kronstream_operator_dispatching 1.0"), ("kronstream-operator", 8081, "router"),
     ("kronstream-worker", 8080, "kronstream_worker_concurrency 10.0"), ("kronstream-api", 8084, "kronstream_api_")],
)  # fmt: skip
def test_one_process_is_looked_at(forwarded: Callable[[str, int], str], target: str, port: int, metric: str) -> None:
    said = forwarded(target, port)
    assert "kronstream_redis_up 1.0" in said
    assert metric.replace("router", "kronstream_event_handlers") in said


@pytest.mark.parametrize("command", [one for one in COMMANDS if SCALE.match(one.text)], ids=lambda one: one.page)
def test_more_replicas_come(release: Release, shell: Shell, command: Command) -> None:
    found = SCALE.match(command.text)
    assert found
    component, wanted = found[1], int(found[2])
    before = release.cluster.ready(component)
    try:
        shell(command.text)
        eventually(lambda: release.cluster.ready(component) == wanted, within=180)
    finally:
        release.cluster("scale", f"deployment/kronstream-{component}", f"--replicas={before}")
        eventually(lambda: len(release.cluster.pods(component)) == before, within=180)


def test_functions_come_from_a_config_map_and_workers_start_anew(release: Release, shell: Shell) -> None:
    create, restart = CHANGES
    shell(create)
    try:
        assert set(release.cluster.read("configmap", "acme-jobs")["data"]) == {"jobs.py"}
    finally:
        release.cluster("delete", "configmap", "acme-jobs")
    before = names(release.cluster)
    shell(restart)
    release.rolled_out()
    eventually(lambda: not before & names(release.cluster), within=120)


def names(cluster: Cluster) -> set[str]:
    """Of the workers' Pods."""
    return {pod["metadata"]["name"] for pod in cluster.pods("worker")}
