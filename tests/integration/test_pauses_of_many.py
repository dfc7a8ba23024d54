"""Namespaces and whole installations on hold, by one ConfigMap that people edit with kubectl and by one setting."""

import json
import signal
from collections.abc import Iterator

import pytest

from eventually import eventually
from integration.installation import Installation
from integration.objects import Object, condition, ready, scheduled
from integration.timeline import gaps, now, parse, render, until
from kronstream.dev.controlplane import NAMESPACE, ControlPlane
from kronstream.dev.kubectl import KubectlError

QUEUE = "nobody"  # no worker serves it: entries stay in the stream and can be counted
NAME = "kronstream-pauses"
HELD, FREE = "team-held", "team-free"
EARLY = 50  # ms by which a run may be dispatched before its instant
NOTICED = 2_000  # ms after which a pause counts at the latest


class Site:
    """Two operators, a job every second in each of two namespaces, and the ConfigMap."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.kubectl = installation.plane.kubectl
        for namespace in (HELD, FREE):
            if namespace not in self.kubectl("get", "namespaces"):
                self.kubectl("create", "namespace", namespace)
        spec = {"every": "1s", "queue": QUEUE, "catchUp": {"policy": "All"}}
        self.held, self.free = installation.apply(
            scheduled("secondly", HELD, **spec), scheduled("secondly", FREE, **spec)
        )
        for job in (self.held, self.free):
            installation.wait(job, ready)
            eventually(lambda job=job: len(self.nominals(job)) >= 2)

    def nominals(self, job: Object) -> list[int]:
        """Due instants of all entries of a job."""
        return [nominal for nominal, _ in self.installation.entries(job, QUEUE)]

    def pause(self, **data: str) -> int:
        """Sets keys of the ConfigMap by kubectl, making it where there is none; the instant from which they hold."""
        try:
            self.kubectl("patch", "configmap", NAME, "-n", NAMESPACE, "--type=merge", "-p", json.dumps({"data": data}))
        except KubectlError:
            self.kubectl(
                "create", "configmap", NAME, "-n", NAMESPACE, *(f"--from-literal={k}={v}" for k, v in data.items())
            )
        return now()

    def unpause(self) -> int:
        """Deletes the ConfigMap; the instant before."""
        instant = now()
        self.kubectl("delete", "configmap", NAME, "-n", NAMESPACE, "--ignore-not-found")
        return instant

    def says(self, job: Object, hold: str, within: float = 10.0) -> Object:
        """The job once its status says what holds it."""
        return self.installation.wait(job, lambda job: job["status"]["suspended"] == hold, within)

    def goes_on(self, job: Object) -> int:
        """The first due instant after now that has an entry."""
        begin = now()
        return eventually(lambda: next((at for at in self.nominals(job) if at > begin), 0), within=15)

    def missing(self, job: Object) -> list[int]:
        """Due instants without an entry."""
        found = self.nominals(job)
        assert len(found) == len(set(found))
        return gaps(found, 1_000)

    def held_back(self, job: Object, begin: int, end: int) -> None:
        """From one instant to another there were no runs at all, nothing came late, and all of it is counted."""
        inside = [at for at in self.nominals(job) if begin + NOTICED <= at <= end]
        assert inside == []
        late = [
            at for at, made in self.installation.entries(job, QUEUE) if begin <= at <= end and made > begin + NOTICED
        ]
        assert late == []
        lost = self.missing(job)
        assert len(lost) >= (end - begin - NOTICED) // 1_000 - 1
        self.installation.wait(job, lambda job: job["status"]["skipped"] == {"Paused": len(lost)})


@pytest.fixture(scope="module")
def apart() -> Iterator[Installation]:
    """Two operators on a control plane of their own: all of their jobs will be held."""
    with ControlPlane() as plane, Installation(plane, operators=2) as installation:
        yield installation


@pytest.fixture
def site(apart: Installation) -> Iterator[Site]:
    """Jobs that run; afterwards nothing is paused, no job is left, and no log has an unexpected line."""
    site = Site(apart)
    yield site
    site.unpause()
    for job in (site.held, site.free):  # what would be paused of the next jobs counts as that
        site.says(job, "No")
    for namespace in (HELD, FREE):
        apart.objects.delete_all(namespace)
    complaints = apart.complaints()
    assert not complaints, "\n".join(complaints)


def test_a_namespace_is_paused_and_goes_on_and_nothing_of_it_fires_later(site: Site) -> None:
    began = site.pause(**{HELD: "maintenance of the database"})
    job = site.says(site.held, "Namespace")
    told = now()

    # a look a second at the ConfigMap, a status a second; that it holds by then is seen in what is dispatched
    assert told - began <= 8_000
    assert "nextRunTime" not in job["status"]
    assert job["status"]["upcoming"] == []
    said = condition(job, "Ready")
    assert (said["status"], said["reason"]) == ("True", "Paused")
    assert said["message"] == (
        "all jobs of this namespace are paused by ConfigMap kronstream-system/kronstream-pauses "
        "(maintenance of the database): instants that pass are skipped for good"
    )
    until(began + 5_000)
    ended = site.unpause()
    job = site.says(site.held, "No")
    assert "nextRunTime" in job["status"]
    site.goes_on(site.held)
    site.held_back(site.held, began, ended)
    assert site.missing(site.free) == []
    assert site.installation.objects.get(site.free)["status"]["suspended"] == "No"


def test_kubectl_shows_what_holds_a_job(site: Site) -> None:
    site.pause(**{HELD: "{reason: release, until: 2030-01-01T00:00:00Z, by: alice}"})
    job = site.says(site.held, "Namespace")

    assert job["status"]["nextRunTime"].startswith("2030-01-01T00:00:0")
    head, row = site.kubectl("get", "scheduledjobs", "-n", HELD).splitlines()
    assert row[head.index("SUSPENDED") :].startswith("Namespace")
    described = " ".join(site.kubectl("describe", "scheduledjob", "secondly", "-n", HELD).split())
    assert "all jobs of this namespace are paused by alice until 2030-01-01T00:00:00Z (release)" in described


def test_a_pause_ends_by_itself_at_its_time(site: Site) -> None:
    end = (now() // 1_000 + 6) * 1_000
    began = site.pause(**{HELD: f"until: {render(end)}\nreason: short"})
    job = site.says(site.held, "Namespace")

    assert parse(job["status"]["nextRunTime"]) in range(end, end + 1_001)
    site.says(site.held, "No", within=12)
    assert now() >= end
    first = site.goes_on(site.held)
    assert min(at for at in site.nominals(site.held) if at >= began + NOTICED) in range(end, first + 1)
    site.held_back(site.held, began, end - EARLY)


def test_everything_is_paused_by_one_key(site: Site) -> None:
    began = site.pause(_all="")
    for job in (site.held, site.free):
        assert "all jobs are paused by" in condition(site.says(job, "Installation"), "Ready")["message"]
    until(began + 4_000)
    ended = site.pause(_all="still")
    site.kubectl(
        "patch", "configmap", NAME, "-n", NAMESPACE, "--type=json", "-p", '[{"op": "remove", "path": "/data/_all"}]'
    )
    for job in (site.held, site.free):
        site.goes_on(job)
        site.held_back(job, began, ended)
        site.says(job, "No")


def test_what_cannot_be_read_pauses_all_the_same_and_is_told(site: Site) -> None:
    site.pause(**{HELD: "{until: tomorrow}", "No.Namespace": "x"})
    site.says(site.held, "Namespace")

    def events() -> str:
        found = site.kubectl("describe", "configmap", NAME, "-n", NAMESPACE)
        assert f"{HELD}: until: 'tomorrow'" in found
        assert "No.Namespace: no namespace has such a name" in found
        return found

    assert "UnreadablePause" in eventually(events)
    warning = f"WARNING kronstream.controller.pausemap: ConfigMap {NAMESPACE}/{NAME}: {HELD}: until"
    for name in site.installation.operators:
        eventually(lambda name=name: warning in site.installation.log(name))


def test_a_lost_store_has_the_pauses_before_it_opens(site: Site) -> None:
    began = site.pause(**{HELD: ""})
    site.says(site.held, "Namespace")
    until(began + 3_000)
    site.installation.redis.flushall()
    lost = now()
    assert site.goes_on(site.free) > lost
    until(lost + 4_000)

    # what had been dispatched before and was never started comes back, and nothing else
    assert [at for at in site.nominals(site.held) if at >= began + NOTICED] == []
    ended = site.unpause()
    site.says(site.held, "No")
    site.goes_on(site.held)
    assert [at for at in site.nominals(site.held) if began + NOTICED <= at < ended] == []


def test_what_was_written_while_the_store_was_lost_holds_when_it_opens(site: Site) -> None:
    plane = site.installation.plane
    plane.stop_part("redis", signal.SIGKILL)
    began = site.pause(**{HELD: ""})
    until(began + 4_000)
    plane.start_part("redis")
    came = now()
    site.says(site.held, "Namespace", within=20)
    site.goes_on(site.free)
    until(came + 4_000)

    assert [at for at in site.nominals(site.held) if at >= began + 1_000] == []
    ended = site.unpause()
    site.goes_on(site.held)
    assert [at for at in site.nominals(site.held) if began + 1_000 <= at < ended] == []


def test_operators_that_start_during_a_pause_hold_it(site: Site) -> None:
    began = site.pause(**{HELD: ""})
    site.says(site.held, "Namespace")
    installation = site.installation
    installation.stop(*installation.operators)
    until(began + 4_000)
    installation.start(*installation.operators)
    site.goes_on(site.free)
    until(began + 8_000)
    ended = site.unpause()
    site.goes_on(site.held)
    site.held_back(site.held, began, ended)
    assert site.missing(site.free) == []


@pytest.mark.parametrize("begins", ["before", "meanwhile"])
def test_operators_that_were_down_when_a_pause_ended_make_up_for_nothing_of_it(begins: str, site: Site) -> None:
    installation = site.installation
    end = (now() // 1_000 + 12) * 1_000
    text = f"until: {render(end)}"
    if begins == "before":
        site.pause(**{HELD: text})
        site.says(site.held, "Namespace")
    installation.stop(*installation.operators)
    before = max(site.nominals(site.held))
    began = site.pause(**{HELD: text}) if begins == "meanwhile" else before
    until(end + 1_500)
    installation.start(*installation.operators)
    site.goes_on(site.held)

    made = [at for at in site.nominals(site.held) if at > before]
    assert [at for at in made if began + 1_000 <= at < end] == []
    least = max(1, (end - began) // 1_000 - 2)
    site.installation.wait(site.held, lambda job: job["status"]["skipped"].get("Paused", 0) >= least)
    assert site.missing(site.free) == []


def test_an_api_server_that_is_away_changes_nothing(site: Site) -> None:
    began = site.pause(**{HELD: ""})
    site.says(site.held, "Namespace")
    plane = site.installation.plane
    plane.stop_part("apiserver", signal.SIGKILL)
    until(began + 5_000)
    eventually(lambda: max(site.nominals(site.free)) > now() - 1_500)
    assert max(site.nominals(site.held)) < began + NOTICED
    plane.start_part("apiserver")
    until(now() + 2_000)
    assert max(site.nominals(site.held)) < began + NOTICED
    site.unpause()
    site.goes_on(site.held)


def test_the_setting_holds_all_jobs_until_the_last_replica_that_has_it_is_gone(site: Site) -> None:
    installation = site.installation
    switched, other = installation.operators
    process = installation.components[switched].process
    command = process.command
    process.command = (*command, "--paused")
    try:
        installation.stop(switched)
        installation.start(switched)
        job = site.says(site.held, "Installation")
        began = now() - NOTICED
        assert "all jobs are paused by setting KRONSTREAM_PAUSED" in condition(job, "Ready")["message"]
        installation.stop(other)
        installation.start(other)  # without it: one replica that has it is enough
        until(now() + 4_000)
        ended = now()
    finally:
        process.command = command
        installation.stop(switched)
    site.goes_on(site.held)
    site.held_back(site.held, began, ended)
    assert site.says(site.held, "No")
    installation.start(switched)
