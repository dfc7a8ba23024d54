"""The admission webhook, asked by a real API server: its messages, and what happens while it is away."""

import json
import signal
import time
from base64 import b64encode
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
import yaml

from bad_handlers import spec as handler_spec
from bad_specs import only
from eventually import eventually
from integration.installation import START
from integration.objects import Object, Objects, RefusedError, scheduled
from kronstream.dev.components import Component, component
from kronstream.dev.controlplane import ControlPlane
from kronstream.dev.kubectl import Kubectl, KubectlError
from kronstream.dev.loopback import free_ports
from unit.pagecommands import ADMISSION, claimed

FOLDER = Path(__file__).parents[2] / "deploy" / "webhook"
DENIED = 'admission webhook "validate.kronstream.dev" denied the request: '
INVALID = 'The ScheduledJob "report" is invalid: '
SPACE = "admission"


def job(name: str, spec: Any) -> Object:
    return {"apiVersion": "kronstream.dev/v1", "kind": "ScheduledJob", "metadata": {"name": name}, "spec": spec}


def handler(name: str, spec: Any) -> Object:
    return {**job(name, spec), "kind": "EventHandler"}


BAD = job("report", only(schedule="61 * * * *"))


class Webhook:
    """The process, and the configuration of `deploy/` by which the shared API server asks it."""

    def __init__(self, plane: ControlPlane) -> None:
        self.kubectl = plane.kubectl
        (self.port,) = free_ports(1)
        pair = plane.server_certificate("webhook", "kronstream-webhook.kronstream-system.svc")
        environ = {
            "KUBECONFIG": "/nonexistent",  # it has nothing to do with the cluster
            "KRONSTREAM_REDIS_URL": "redis://127.0.0.1:1/0",  # nor with Redis
            "KRONSTREAM_WEBHOOK_HOST": "127.0.0.1",
        }
        flags = ("--port", str(self.port), "--cert", str(pair.certificate), "--key", str(pair.key))
        self.process: Component = component(plane, "webhook", 1, flags, environ=environ)
        self.log = plane.logs / "webhook-1.log"
        self._authority = plane.authority

    def configuration(self, policy: str = "Ignore") -> Object:
        """That of `deploy/`, led to loopback."""
        objects = yaml.safe_load_all((FOLDER / "webhook.yaml").read_text(encoding="utf-8"))
        (found,) = [one for one in objects if one["kind"] == "ValidatingWebhookConfiguration"]
        (hook,) = found["webhooks"]
        assert hook["failurePolicy"] == "Ignore"
        path = hook["clientConfig"]["service"]["path"]
        bundle = b64encode(self._authority.read_bytes()).decode()
        hook["clientConfig"] = {"url": f"https://localhost:{self.port}{path}", "caBundle": bundle}
        hook["failurePolicy"] = policy
        return found

    def start(self) -> None:
        self.process.process.start()
        self.process.process.wait_until(self.process.ready, START)

    def kill(self) -> None:
        self.process.process.stop(signal.SIGKILL)

    def told(self, *arguments: str, obj: Object) -> str:
        """What kubectl says, also when it is refused."""
        try:
            return self.kubectl(*arguments, "-n", SPACE, "-f", "-", stdin=json.dumps(obj))
        except KubectlError as error:
            return error.said

    def dry(self, obj: Object) -> str:
        """What `kubectl apply --dry-run=server` says."""
        return self.told("apply", "--dry-run=server", obj=obj)


@pytest.fixture(scope="module")
def webhook(controlplane: ControlPlane) -> Iterator[Webhook]:
    kubectl, hook = controlplane.kubectl, Webhook(controlplane)
    kubectl("create", "namespace", SPACE)
    hook.start()
    kubectl("apply", "-f", "-", stdin=json.dumps(hook.configuration()))
    try:
        # the API server takes a moment to hear of it
        eventually(lambda: INVALID in hook.dry(BAD), 20)
        yield hook
    finally:
        kubectl("delete", "validatingwebhookconfiguration", "kronstream-webhook.kronstream-system")
        hook.process.process.stop()
        kubectl("delete", "scheduledjobs,eventhandlers", "--all", "-n", SPACE)
    text = hook.log.read_text(encoding="utf-8")
    assert "Traceback" not in text
    assert " ERROR " not in text


def test_its_component_is_taken_by_the_api_server(kubectl: Kubectl, tmp_path: Path) -> None:
    root = FOLDER.parents[1]
    for name in ("deploy", "crds"):
        (tmp_path / name).symlink_to(root / name)
    (tmp_path / "kustomization.yaml").write_text("resources: [deploy]\ncomponents: [deploy/webhook]\n")
    rendered = kubectl("kustomize", "--load-restrictor=LoadRestrictionsNone", str(tmp_path))
    said = kubectl("apply", "--dry-run=server", "--server-side", "--force-conflicts", "-f", "-", stdin=rendered)
    for name in (
        "deployment.apps/kronstream-webhook",
        "service/kronstream-webhook",
        "serviceaccount/kronstream-webhook",
    ):
        assert name in said
    assert "validatingwebhookconfiguration.admissionregistration.k8s.io/kronstream-webhook.kronstream-system" in said
    deployment = next(
        one
        for one in yaml.safe_load_all(rendered)
        if one["kind"] == "Deployment" and one["metadata"]["name"] == "kronstream-webhook"
    )
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "try", "namespace": "kronstream-system"}}
    pod["spec"] = {**deployment["spec"]["template"]["spec"], "serviceAccountName": "kronstream-worker"}
    assert "created" in kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(pod))


def test_a_dry_run_gives_the_message_of_validate(webhook: Webhook) -> None:
    assert webhook.dry(BAD).startswith(f"{INVALID}spec.schedule: '61 * * * *': the minute field '61' is not valid")
    (sample,) = claimed(ADMISSION)
    assert sample.text == "kubectl apply --dry-run=server -f report.yaml"
    assert (webhook.dry(BAD).strip(),) == sample.answer
    said = webhook.dry(job("report", only(schedule="0 9 * * 1", timeZone="Europe/Berln")))
    assert said.startswith(f"{INVALID}spec.timeZone: 'Europe/Berln' is not in the tz database")


def test_handlers_are_judged(webhook: Webhook) -> None:
    said = webhook.dry(handler("cleanup", handler_spec(filter="event.tpye == 'a'")))
    assert said.startswith('The EventHandler "cleanup" is invalid: spec.filter: ')


def test_good_ones_pass_with_a_warning_for_what_never_runs(webhook: Webhook) -> None:
    assert "created (server dry run)" in webhook.dry(handler("cleanup", handler_spec()))
    said = webhook.told("apply", "--dry-run=server", "--warnings-as-errors", obj=job("a", only(schedule="0 0 31 2 *")))
    assert "Warning: spec.schedule: never runs" in said
    assert "warning" not in webhook.dry(job("a", only(schedule="0 0 31 1 *"))).lower().replace("server dry run", "")


def test_an_update_is_judged_by_its_spec(webhook: Webhook, controlplane: ControlPlane) -> None:
    objects = Objects(controlplane)
    stored = objects.apply(scheduled("kept", SPACE, schedule="0 9 * * 1"))
    with pytest.raises(RefusedError, match=rf"{DENIED}spec\.schedule: ") as caught:
        objects.patch(stored, schedule="0 9 * * 8")
    assert caught.value.status == 422
    assert objects.get(stored)["spec"]["schedule"] == "0 9 * * 1"
    assert objects.patch(stored, schedule="0 9 * * 2")["metadata"]["generation"] == 2


def test_status_is_not_its_business(webhook: Webhook, controlplane: ControlPlane) -> None:
    objects = Objects(controlplane)
    stored = objects.apply(scheduled("told", SPACE, schedule="0 9 * * 1"))
    before = webhook.log.stat().st_size, count(webhook)
    path = f"/apis/kronstream.dev/v1/namespaces/{SPACE}/scheduledjobs/{stored['metadata']['name']}/status"
    objects.send("PATCH", path, {"status": {"seq": 5}}, "application/merge-patch+json")
    assert (webhook.log.stat().st_size, count(webhook)) == before


def count(webhook: Webhook) -> float:
    """How many objects were judged so far."""
    connection = HTTPConnection("127.0.0.1", webhook.process.port, timeout=5)
    connection.request("GET", "/metrics")
    lines = connection.getresponse().read().decode().splitlines()
    connection.close()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("kronstream_admission_reviews_total{"))


def test_large_and_deep_objects_are_answered(webhook: Webhook) -> None:
    large = job("large", only(every="5s", payload={"blob": "x" * 60_000}, description="ä" * 1_024))
    assert "created (server dry run)" in webhook.dry(large)
    noted = {**large, "metadata": {"name": "noted", "annotations": {"a": "x" * 60_000}}}
    assert "created (server dry run)" in webhook.dry(noted)
    deep: Any = 1
    for _ in range(33):
        deep = {"a": deep}
    assert webhook.dry(job("report", only(every="5s", payload=deep))).startswith(f"{INVALID}spec.payload: ")


def test_it_answers_within_milliseconds(webhook: Webhook, controlplane: ControlPlane) -> None:
    objects = Objects(controlplane)
    obj = scheduled("quick", SPACE, schedule="0 9 * * 1")

    def median() -> float:
        taken = []
        for minute in range(20):
            begin = time.monotonic()
            objects.apply({**obj, "spec": {**obj["spec"], "schedule": f"{minute} 9 * * 1"}})
            taken.append(time.monotonic() - begin)
        return sorted(taken)[len(taken) // 2]

    eventually(lambda: median() < 0.25, 30)  # with the API server's own time, once the machine has some for it


def test_while_it_is_away_apply_still_works_unless_the_policy_is_fail(webhook: Webhook) -> None:
    webhook.kill()
    try:
        assert "created (server dry run)" in webhook.dry(BAD)
        webhook.kubectl("apply", "-f", "-", stdin=json.dumps(webhook.configuration("Fail")))
        refused = "failed calling webhook"
        eventually(lambda: refused in webhook.dry(BAD), 20)
        assert refused in webhook.dry(job("good", only(schedule="0 9 * * 1")))
    finally:
        webhook.kubectl("apply", "-f", "-", stdin=json.dumps(webhook.configuration()))
        webhook.start()
    eventually(lambda: INVALID in webhook.dry(BAD), 20)
