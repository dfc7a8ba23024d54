"""What a monitor sees of a running installation: every metric of the table, and data behind every panel."""

import json
import math
import secrets
import signal
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventually import eventually
from integration.calls import Calls
from integration.installation import START, Installation
from integration.objects import handling, scheduled
from integration.probes import probe
from integration.prometheus import Prometheus, scraping
from kronstream.cli.metrictable import rows
from kronstream.dev import components
from kronstream.dev.extension import Extension
from kronstream.dev.loopback import free_ports

FILES = Path(__file__).parents[2] / "charts" / "kronstream" / "files"
DASHBOARDS = sorted((FILES / "dashboards").glob("*.json"))
OPTIONAL = {"kronstream_certificate_expiry_timestamp_seconds"}  # of a door that has a certificate
WITHIN = 120.0


@pytest.fixture(scope="module")
def monitor(doored_installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus over an installation in which everything happens that there are metrics of."""
    installation = doored_installation
    extension = Extension(installation.plane)
    server = extension.component()
    server.process.start()
    (asked,) = free_ports(1)
    pair = installation.plane.server_certificate("webhook", "kronstream-webhook.kronstream-system.svc")
    flags = ("--host", "127.0.0.1", "--port", str(asked), "--cert", str(pair.certificate), "--key", str(pair.key))
    webhook = components.component(installation.plane, "webhook", 1, flags)
    webhook.process.start()
    targets = {role: [] for role in ("operator", "router", "worker", "api")}
    for name, component in installation.components.items():
        targets[name.rpartition("-")[0]].append(component.port)
    folder = tmp_path_factory.mktemp("prometheus")
    try:
        server.process.wait_until(lambda: probed(extension.port), START)
        targets["runs-apiserver"] = [server.port]
        webhook.process.wait_until(lambda: reviewed(asked), START)
        targets["webhook"] = [webhook.port]
        with scraping(folder, targets, sorted((FILES / "alerts").glob("*.yaml"))) as prometheus:
            yield prometheus
    finally:
        server.process.stop()
        webhook.process.stop()


def reviewed(port: int) -> bool:
    """Whether the webhook judged a job."""
    review = {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "1",
            "kind": {"group": "kronstream.dev", "version": "v1", "kind": "ScheduledJob"},
            "operation": "CREATE",
            "object": scheduled("looked-at"),
        },
    }
    call = urllib.request.Request(
        f"https://127.0.0.1:{port}/validate", json.dumps(review).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(call, timeout=5, context=ssl._create_unverified_context()) as answer:
            return bool(json.loads(answer.read())["response"])
    except urllib.error.HTTPError as error:
        raise AssertionError(error.read()) from error
    except OSError:
        return False


def probed(port: int) -> bool:
    """Whether the extension API server answered a probe, which counts as a request."""
    context = ssl._create_unverified_context()
    try:
        urllib.request.urlopen(f"https://127.0.0.1:{port}/healthz", timeout=5, context=context)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


@pytest.fixture
def busy(doored: Installation, monitor: Prometheus) -> Iterator[Calls]:
    """Jobs that succeed and fail every second, a handler of events, and who calls the API."""
    doored.objects.apply(scheduled("good", "default", "api:echo", every="1s"))
    doored.objects.apply(scheduled("bad", "default", "api:fail", every="1s", retry={"limit": 0}))
    follow = {"runJob": {"name": "good"}}
    doored.objects.apply(handling("orders", "order.placed", action=follow))
    with Calls(doored.url("api-1")) as client:
        yield client


def emit(calls: Calls) -> None:
    """One more event."""
    emit.number = getattr(emit, "number", 0) + 1
    event = {"specversion": "1.0", "id": str(emit.number), "source": "/shop", "type": "order.placed", "data": {}}
    answer = calls.post("/events", json=event, headers={"Content-Type": "application/cloudevents+json"})
    assert answer.status_code in (202, 200), answer.text


def test_every_metric_of_the_table_has_a_sample(busy: Calls, monitor: Prometheus) -> None:
    wanted = {
        (f"{row.name}_count" if row.kind == "histogram" else row.name, part)
        for row in rows()
        for part in (row.parts if row.name not in OPTIONAL else row.parts[-1:])
    }

    def missing() -> bool:
        emit(busy)
        found = monitor.ask('count by (__name__, job) ({__name__=~"kronstream_.*|process_.*"})')
        left = wanted - {(one["metric"]["__name__"], one["metric"]["job"]) for one in found}
        assert not left, left
        return True

    eventually(missing, within=WITHIN)


def test_every_panel_has_data(busy: Calls, monitor: Prometheus) -> None:
    for place in DASHBOARDS:
        page = json.loads(place.read_text())
        targets = [(panel["title"], target["expr"]) for panel in page["panels"] for target in panel.get("targets", ())]
        assert targets
        for title, expression in targets:
            asked = expression.replace("$namespace", ".*").replace("$__rate_interval", "30s")

            def data(asked: str = asked, where: str = f"{place.name}: {title}") -> bool:
                emit(busy)
                found = monitor.ask(asked)
                assert any(not math.isnan(float(one["value"][1])) for one in found), f"{where}: {found}"
                return True

            eventually(data, within=WITHIN)


def test_a_call_is_found_again_by_its_trace(busy: Calls, monitor: Prometheus) -> None:
    trace = secrets.token_hex(16)

    def told() -> bool:
        answer = busy.get("/jobs", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
        assert answer.status_code == 200, answer.text
        found = monitor.exemplars("kronstream_api_request_seconds_bucket")
        return trace in {exemplar["labels"]["trace_id"] for exemplar in found}

    eventually(told, within=WITHIN)


def health(installation: Installation, path: str) -> dict[str, int]:
    """What each process answers to a probe; 0 where nothing comes within a kubelet's second."""
    return {name: probe(component, path, 1.5)[0] for name, component in installation.components.items()}


def test_without_redis_nothing_is_ready_and_nothing_is_sick(doored: Installation) -> None:
    doored.plane.processes["redis"].send(signal.SIGSTOP)
    try:
        eventually(lambda: set(health(doored, "/readyz").values()) == {503}, within=40)
        assert 503 not in health(doored, "/healthz").values()
        eventually(lambda: set(health(doored, "/healthz").values()) == {200})
    finally:
        doored.plane.processes["redis"].send(signal.SIGCONT)
    eventually(lambda: set(health(doored, "/readyz").values()) == {200}, within=40)


def test_a_frozen_process_answers_no_probe(doored: Installation) -> None:
    frozen = {"operator-1", "router-1", "worker-1", "api-3"}
    for name in frozen:
        doored.send(name, signal.SIGSTOP)
    try:
        within = {name: 1.5 if name in frozen else 30.0 for name in doored.components}
        answers = {name: probe(part, "/healthz", within[name])[0] for name, part in doored.components.items()}
    finally:
        for name in frozen:
            doored.send(name, signal.SIGCONT)
    assert {name for name, answer in answers.items() if not answer} == frozen
    eventually(lambda: set(health(doored, "/healthz").values()) == {200}, within=20)
