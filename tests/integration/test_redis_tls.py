"""All parts on a Redis that speaks TLS alone, wants a client's certificate and knows one user with the least rights.

They are told of it as the chart tells its Pods; the user's rights are those of docs/configure.md.
"""

import os
import shlex
import signal
import subprocess
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from eventually import eventually
from integration.calls import Calls
from integration.charting import Helm, Object, pods
from integration.installation import Installation, elsewhere
from integration.objects import handling, ready, scheduled
from integration.probes import readiness
from kronstream.dev.components import KRONSTREAM
from kronstream.dev.loopback import free_ports
from kronstream.dev.pki import Authority, KeyPair
from kronstream.dev.process import Process
from kronstream.dev.redisserver import find_redis
from unit.pagecommands import RIGHTS_OF_REDIS, claimed

PASSWORD = "a b/c'+\"$HOME"
ADMIN = "of the admin"


def documented() -> str:
    """The rights that docs/configure.md gives the user, without its password."""
    (command,) = claimed(RIGHTS_OF_REDIS)
    _, _, rights = command.text.partition(" SETUSER kronstream ")
    assert rights
    return " ".join(word for word in shlex.split(rights.replace("\\\n", "")) if not word.startswith(">"))


class Guarded:
    """The server, and what is needed to get in."""

    def __init__(self, folder: Path) -> None:
        authority = Authority(folder / "pki")
        self.authority = authority.pair.certificate
        self.client: KeyPair = authority.issue("client", "kronstream")
        server = authority.issue("redis", "redis", server=True)
        (self.port,) = free_ports(1)
        users = folder / "users.acl"
        users.write_text(
            f"user default off\nuser admin on #{_digest(ADMIN)} ~* &* +@all\n"
            f"user kronstream #{_digest(PASSWORD)} {documented()}\n"
        )
        command = [
            str(find_redis(os.environ)),
            *("--port", "0", "--tls-port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder)),
            *("--tls-cert-file", str(server.certificate), "--tls-key-file", str(server.key)),
            *("--tls-ca-cert-file", str(self.authority), "--tls-auth-clients", "yes"),
            *("--aclfile", str(users), "--appendonly", "yes", "--save", ""),
        ]
        self.process = Process("redis", command, folder / "log")

    def admin(self) -> Redis:
        """A client that may do everything."""
        return Redis(
            port=self.port, username="admin", password=ADMIN, decode_responses=True, ssl=True,
            ssl_ca_certs=str(self.authority), ssl_certfile=str(self.client.certificate),
            ssl_keyfile=str(self.client.key),
        )  # fmt: skip

    def up(self) -> bool:
        """Whether it answers."""
        try:
            with self.admin() as admin:
                return bool(admin.ping())
        except RedisError:
            return False

    def environ(self, helm: Helm) -> dict[str, str]:
        """What the chart tells every part that talks to Redis; its mounts are files here."""
        said = {
            "host": "127.0.0.1",
            "port": str(self.port),
            "username": "kronstream",
            "passwordSecret.name": "login",
            "tls.enabled": "true",
            "tls.caSecret.name": "ca",
            "tls.clientSecret": "client",
        }
        objects = helm.render("--set", ",".join(f"redis.{key}={value}" for key, value in said.items()))
        found = [
            {one["name"]: self._value(one) for one in container["env"] if one["name"].startswith("KRONSTREAM_REDIS_")}
            for pod in pods(objects)
            for container in pod["spec"]["containers"]
        ]
        told = [environ for environ in found if environ]
        assert len(told) >= 4
        assert all(environ == told[0] for environ in told)
        return told[0]

    def _value(self, one: Object) -> str:
        if "valueFrom" in one:
            assert one["valueFrom"]["secretKeyRef"] == {"name": "login", "key": "password"}
            return PASSWORD
        return (
            str(one["value"])
            .replace("/etc/kronstream/redis-ca/ca.crt", str(self.authority))
            .replace("/etc/kronstream/redis-client/tls.crt", str(self.client.certificate))
            .replace("/etc/kronstream/redis-client/tls.key", str(self.client.key))
        )


def _digest(password: str) -> str:
    return sha256(password.encode()).hexdigest()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    guarded = Guarded(tmp_path_factory.mktemp("guarded"))
    guarded.process.start()
    eventually(guarded.up, within=30)
    yield guarded
    guarded.process.stop(signal.SIGKILL)


@pytest.fixture(scope="module")
def environ(guarded: Guarded, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What every part is told of Redis."""
    return guarded.environ(Helm(tmp_path_factory.mktemp("helm")))


@pytest.fixture(scope="module")
def inside(environ: dict[str, str]) -> Iterator[Installation]:
    """Each part once, in that Redis."""
    with elsewhere(environ, PASSWORD) as installation:
        yield installation


def denied(guarded: Guarded) -> list[str]:
    """What the server refused: who asked, and for what."""
    with guarded.admin() as admin:
        return [f"{one['username']}: {one['reason']} {one['object']} ({one['context']})" for one in admin.acl_log()]


def counted(guarded: Guarded) -> list[str]:
    """The counts of requests."""
    with guarded.admin() as admin:
        return [str(key) for key in admin.keys("LIMITS:*")]


def doctor(inside: Installation, environ: dict[str, str]) -> str:
    """What `kronstream doctor` says as the same user of Redis."""
    environ = {**os.environ, **environ, "KUBECONFIG": str(inside.plane.kubeconfig)}
    return subprocess.run([*KRONSTREAM, "doctor"], env=environ, capture_output=True, text=True, check=False).stdout


def test_a_job_runs_and_nothing_is_refused(guarded: Guarded, inside: Installation, environ: dict[str, str]) -> None:
    (job,) = inside.apply(scheduled("steady", every="1s", function="probe:note"))
    inside.wait(job, ready, 20)
    (heard,) = inside.apply(handling("heard", "order.placed", action={"runJob": {"name": "steady"}}))
    inside.wait(heard, ready, 20)

    eventually(lambda: len(inside.seen(job)) >= 2, within=20)
    with Calls(inside.url("api-1")) as calls:
        for path in ("/jobs", "/queues", "/workers", "/stats", "/dead-letters", "/event-handlers"):
            assert calls.get(path).status_code == 200
        # who cannot be counted at once is not held back
        eventually(lambda: calls.get("/jobs") and counted(guarded), within=20)
        event = {"specversion": "1.0", "id": "e-1", "source": "/shop", "type": "order.placed", "data": {}}
        told = calls.post("/events", json=event, headers={"Content-Type": "application/cloudevents+json"})
        assert told.status_code == 202, told.text
    status = eventually(lambda: inside.objects.get(heard).get("status", {}).get("triggerCount"), within=20)

    assert status
    assert "ok     Redis: version" in doctor(inside, environ)
    assert denied(guarded) == []


def test_a_right_that_is_missing_is_named(guarded: Guarded, inside: Installation) -> None:
    operator = inside.components["operator-1"]
    with guarded.admin() as admin:
        admin.execute_command("ACL", "SETUSER", "kronstream", "-info")

        eventually(lambda: "503 " in (said := readiness(operator)) and "add +info" in said, within=40)

        eventually(lambda: "may not run INFO: add +info" in inside.log("operator-1"), within=10)
        admin.execute_command("ACL", "SETUSER", "kronstream", "+info")
        eventually(lambda: readiness(operator).startswith("200"), within=40)
        admin.acl_log_reset()
