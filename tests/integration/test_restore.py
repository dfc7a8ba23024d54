"""docs/operate.md, "Back up" and "Restore": from one cluster and its Redis to a new cluster with a new one."""

import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventually import eventually, gone
from integration.installation import HANDLERS, START, Installation
from integration.objects import Object, handling, scheduled
from integration.test_pages_of_operators import Shell
from kronstream.dev.components import component
from kronstream.dev.controlplane import ControlPlane
from unit.pagecommands import RESTORE, claimed

BACK_UP, BACK_UP_POD, SCRIPT, POD, HOST, APPLY = (command.text for command in claimed(RESTORE))
KUBECTL = """#!/bin/bash
# a node is what this cluster lacks: what is to run in Redis's Pod runs here
if [[ " $* " == *" exec "* ]]; then
  while [ "$1" != -- ]; do shift; done
  shift; exec "$@"
fi
exec {kubectl} "$@"
"""
REDIS_CLI = """#!/bin/sh
# the Redis of tests has no password
[ "$REDISCLI_AUTH" ] || unset REDISCLI_AUTH
exec {program} -p {port} "$@"
"""


class Administrator(Shell):
    """A shell of which `kubectl exec` and `redis-cli` reach the Redis of the plane."""

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        super().__init__(plane, folder)
        for name, text in {
            "kubectl": KUBECTL.format(kubectl=plane.kubectl.path),
            "redis-cli": REDIS_CLI.format(program=shutil.which("redis-cli"), port=plane.ports.redis),
        }.items():
            (folder / "bin" / name).unlink(missing_ok=True)
            (folder / "bin" / name).write_text(text)
            (folder / "bin" / name).chmod(0o755)

    def put_back(self, text: str) -> None:
        """A block that ends Redis, which is started again as a kubelet or systemd does."""
        pid = self.plane.pids["redis"]
        assert pid is not None
        self(text)
        eventually(lambda: gone(pid))
        self.plane.restart_part("redis", signal.SIGKILL)


@pytest.fixture(scope="module")
def fresh() -> Iterator[ControlPlane]:
    with ControlPlane(controller_manager=True) as plane:
        yield plane


def load(installation: Installation) -> tuple[Object, Object, Object]:
    """A job that ran and goes on, a one-time job that is over, and one whose run nobody takes."""
    kept = {"history": {"successful": 100}}
    steady, once, waiting = installation.apply(
        scheduled("steady", function="probe:note", every="1s", payload={"n": [1, 2.5, None, "yes"]}, **kept),
        scheduled("once", function="probe:note", runAt="2026-01-02T03:04:05Z", **kept),
        scheduled("waiting", function="probe:note", every="1s", queue="later"),
    )
    installation.apply(handling("hears", "a.b", action={"runJob": {"name": "steady"}}, enabled=False))
    installation.wait(steady, lambda found: found["status"]["runs"]["succeeded"] >= 2)
    eventually(lambda: installation.entries(waiting, queue="later"))
    return steady, once, waiting


def executions(installation: Installation, uid: str) -> list[str]:
    return sorted(installation.redis.zrange(installation.keys.good(uid), 0, -1))


@pytest.mark.timeout(300)
def test_objects_and_redis_go_to_another_cluster(
    installation: Installation, fresh: ControlPlane, tmp_path: Path
) -> None:
    steady, once, waiting = load(installation)
    (tmp_path / "old").mkdir()
    old = Administrator(installation.plane, tmp_path / "old")
    old(BACK_UP_POD)
    old(BACK_UP)
    ran = executions(installation, steady["metadata"]["uid"])
    saved = (old.folder / "kronstream-objects.json").read_text()
    assert '"uid":' not in saved
    assert '"status":' not in saved
    assert '"name": "minutely"' in saved

    # the same cluster takes them, too: as they are, and after they were deleted
    installation.delete(steady)
    assert "scheduledjob.kronstream.dev/steady serverside-applied" in old(APPLY)
    again = installation.objects.get(steady)
    assert again["metadata"]["uid"] != steady["metadata"]["uid"]
    assert again["spec"] == steady["spec"]
    installation.clear()

    (tmp_path / "new").mkdir()
    new = Administrator(fresh, tmp_path / "new")
    for name in ("kronstream.rdb", "kronstream-objects.json"):
        shutil.copy(old.folder / name, new.folder / name)
    new(SCRIPT)
    new.put_back(POD)
    with Installation(fresh, operators=0) as heirs:
        assert set(ran) >= set(executions(heirs, steady["metadata"]["uid"])) != set()
        heirs.redis.flushall()
        new.put_back(HOST)
        history = executions(heirs, steady["metadata"]["uid"])
        assert set(ran) >= set(history) != set()
        assert heirs.redis.config_get("appendonly") == {"appendonly": "yes"}
        before = heirs.redis.lrange("probe:seen", 0, -1)

        new(APPLY)
        owner = heirs.redis.get(heirs.keys.installation)
        environ = {"KRONSTREAM_TAKE_OVER": owner, "PROBE_REDIS_URL": fresh.redis_url, "KRONSTREAM_GRACE": "1s"}
        for role, number in (("operator", 5), ("worker", 5)):
            arguments = ("--handlers", str(HANDLERS), "--queue", "default,later") if role == "worker" else ()
            made = component(fresh, role, number, arguments, environ=environ)
            heirs.components[made.name] = made
        heirs.start("operator-5")
        heirs.components["operator-5"].process.wait_until(heirs.components["operator-5"].ready, START)
        eventually(lambda: heirs.redis.zscore(heirs.keys.jobs, waiting["metadata"]["uid"]) is None, within=30)
        heirs.start("worker-5")
        found = heirs.wait(steady, lambda found: found["status"]["runs"]["succeeded"] >= 2, 30)
        over = heirs.wait(once, lambda found: found["status"]["conditions"], 30)

        assert found["metadata"]["uid"] != steady["metadata"]["uid"]
        assert found["spec"] == steady["spec"]
        assert "Expired" in {one["reason"] for one in over["status"]["conditions"]}
        # nothing of the time before runs again, and what ran is listed as it was
        assert [row for row in heirs.seen(steady) if row["run"] not in "\n".join(before)] == []
        made_at = found["metadata"]["creationTimestamp"]
        first = min(row["nominal"] for row in heirs.seen(found))
        assert first >= 1000 * int(json.loads(new(f"date -d {made_at} +%s")))
        assert heirs.seen(waiting) == []
        assert heirs.seen(heirs.objects.get(once)) == []
        assert executions(heirs, steady["metadata"]["uid"]) == history
        listed = heirs.redis.zrangebylex(heirs.keys.by_name, "[default steady ", "(default steady!")
        assert {row.split(" ")[2] for row in listed} == {steady["metadata"]["uid"], found["metadata"]["uid"]}
        assert heirs.complaints() == []
