"""What a person sees of an EventHandler: columns, explain, diff; and the guard around the status."""

import json
from collections.abc import Iterator

import pytest

from integration.objects import KINDS, MERGE, Objects, RefusedError
from kronstream.dev.controlplane import ControlPlane
from kronstream.dev.kubectl import Kubectl, KubectlError
from kronstream.resources import Condition, EventHandlerStatus, LastError, parse_handler_status

NAMESPACE = "eventhandler-display"
HANDLERS = f"""
apiVersion: kronstream.dev/v1
kind: EventHandler
metadata: {{name: cleanup, namespace: {NAMESPACE}}}
spec:
  event: workflow.completed
  platformId: platform-123
  priority: 5
  filter: event.data.status == "completed"
  action:
    createJob:
      handler: {{function: {{name: "cleanup:artifacts"}}}}
      timeout: 10m
      payload: {{retention_days: 30}}
---
apiVersion: kronstream.dev/v1
kind: EventHandler
metadata: {{name: report, namespace: {NAMESPACE}}}
spec:
  event: "order.*"
  source: {{stream: "stream:orders"}}
  enabled: false
  action: {{runJob: {{name: report}}}}
"""


def written(seq: int) -> EventHandlerStatus:
    """A status as the operator writes it."""
    ready = Condition(type="Ready", status="True", reason="Listening", last_transition_time_ms=1_000)
    return EventHandlerStatus(
        observed_generation=1,
        seq=seq,
        conditions=(ready,),
        action="createJob cleanup:artifacts",
        trigger_count=12,
        success_count=10,
        failure_count=2,
        filtered_count=7,
        last_trigger_time_ms=1_700_000_000_000,
        last_error=LastError(message="no such key", event="e-1", at_ms=1_700_000_000_123),
        waiting=3,
        oldest_waiting_time_ms=1_700_000_000_000,
        open_jobs=1,
        last_id="1700000000000-0",
        lag=0,
    )


@pytest.fixture(scope="module", autouse=True)
def handlers(kubectl: Kubectl) -> Iterator[None]:
    kubectl("create", "namespace", NAMESPACE)
    kubectl("apply", "-f", "-", stdin=HANDLERS)
    yield
    kubectl("delete", "-f", "-", stdin=HANDLERS)


def write(kubectl: Kubectl, name: str, status: EventHandlerStatus, *options: str, uid: str | None = None) -> None:
    """As the operator does: a JSON patch that tests the UID."""
    uid = uid or kubectl("get", "eh", name, "-n", NAMESPACE, "-o", "jsonpath={.metadata.uid}")
    body = status.model_dump(mode="json", by_alias=True, exclude_unset=True)
    patch = [{"op": "test", "path": "/metadata/uid", "value": uid}, {"op": "add", "path": "/status", "value": body}]
    where = (name, "-n", NAMESPACE, "--subresource=status")
    kubectl("patch", "eh", *where, "--type=json", "-p", json.dumps(patch), *options)


def rows(kubectl: Kubectl, *options: str) -> dict[str, dict[str, str]]:
    """The table that kubectl prints, by name and column."""
    head, *lines = kubectl("get", "eh", "-n", NAMESPACE, *options).splitlines()
    starts = [(name, head.index(f" {name}") + 1 if head.find(name) else 0) for name in head.split()]
    table = {}
    for line in lines:
        ends = [start for _, start in starts[1:]] + [len(line)]
        cells = {name: line[start:end].strip() for (name, start), end in zip(starts, ends, strict=True)}
        table[cells["NAME"]] = cells
    return table


def test_the_table_tells_what_is_listened_for_before_any_operator_saw_it(kubectl: Kubectl) -> None:
    table = rows(kubectl)

    shown = {
        name: (cells["EVENT"], cells["PLATFORM"], cells["ENABLED"], cells["READY"]) for name, cells in table.items()
    }
    assert shown == {
        "cleanup": ("workflow.completed", "platform-123", "true", ""),
        "report": ("order.*", "", "false", ""),
    }
    assert " ".join(table["report"]) == "NAME EVENT ACTION PLATFORM ENABLED READY TRIGGERED OK FAILED LAST AGE"


def test_what_no_operator_has_seen_is_in_progress(kubectl: Kubectl) -> None:
    status = json.loads(kubectl("get", "eh", "report", "-n", NAMESPACE, "-o", "json"))["status"]

    assert parse_handler_status(status) == EventHandlerStatus(observed_generation=-1)


def test_the_columns_tell_what_happened(kubectl: Kubectl) -> None:
    write(kubectl, "cleanup", written(seq=1))

    cells = rows(kubectl, "-o", "wide")["cleanup"]

    assert (cells["ACTION"], cells["READY"]) == ("createJob cleanup:artifacts", "True")
    assert (cells["TRIGGERED"], cells["OK"], cells["FAILED"]) == ("12", "10", "2")
    assert (cells["PRIORITY"], cells["FILTERED"], cells["WAITING"]) == ("5", "7", "3")
    assert (cells["STREAM"], cells["REASON"]) == ("stream:events", "Listening")
    assert cells["LAST"].endswith("d")
    assert rows(kubectl, "-o", "wide")["report"]["STREAM"] == "stream:orders"


def test_the_status_comes_back_as_it_was_written(kubectl: Kubectl) -> None:
    write(kubectl, "cleanup", written(seq=9))

    stored = json.loads(kubectl("get", "eh", "cleanup", "-n", NAMESPACE, "-o", "json"))

    assert parse_handler_status(stored["status"]) == written(seq=9)
    assert stored["metadata"]["generation"] == 1


def test_seq_never_falls(kubectl: Kubectl) -> None:
    write(kubectl, "report", written(seq=5))
    write(kubectl, "report", written(seq=5))
    for older in (written(seq=4), EventHandlerStatus(observed_generation=1)):
        with pytest.raises(KubectlError, match=r"status\.seq never falls: .* read the resource again"):
            write(kubectl, "report", older)
    write(kubectl, "report", written(seq=6))


def test_a_status_for_another_object_of_that_name_is_refused(kubectl: Kubectl) -> None:
    with pytest.raises(KubectlError, match="the server rejected our request"):
        write(kubectl, "cleanup", written(seq=100), uid="00000000-0000-0000-0000-000000000000")


def test_diff_stays_empty(kubectl: Kubectl) -> None:
    write(kubectl, "cleanup", written(seq=50))

    assert kubectl("diff", "-f", "-", stdin=HANDLERS) == ""
    assert kubectl("diff", "--server-side", "--field-manager=gitops", "-f", "-", stdin=HANDLERS) == ""


def test_the_category_and_the_short_name_find_it(kubectl: Kubectl) -> None:
    assert "eventhandler.kronstream.dev/cleanup" in kubectl("get", "kronstream", "-n", NAMESPACE, "-o", "name")
    assert "eh" in kubectl("api-resources", "--api-group=kronstream.dev", "--no-headers").split()


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("", "Each event is acted on at least once"),
        ("spec", "-required-"),
        ("spec.event", "`*` stands for exactly one segment"),
        ("spec.event", "kronstream.run.failed"),
        ("spec.source.stream", "stream:events"),
        ("spec.filter", "has(event.data.name) tells whether a field is there"),
        ("spec.platformId", "Events of every platform, and of none, when left out."),
        ("spec.priority", "higher priority act first"),
        ("spec.enabled", "left out for good"),
        ("spec.enabled", "Default: true."),
        ("spec.dedupe", "by its source and id, is acted on once"),
        ("spec.debounce", "Ten times quiet"),
        ("spec.debounce", "enum: First, Last"),
        ("spec.rateLimit", "enum: Drop, Delay"),
        ("spec.transform", "in place of the action's payload"),
        ("spec.retry", "kept among the dead letters"),
        ("spec.action", "exactly one of createJob, runJob, triggerWorkflow and dispatchAgent"),
        ("spec.action.createJob", "Deleting this EventHandler does not end what runs."),
        ("spec.action.createJob.ttlAfterFinished", "Default: 1h."),
        ("spec.action.createJob.maxOpen", "Default: 100."),
        ("spec.action.runJob", "under its overlap policy"),
        ("spec.action.triggerWorkflow", "name"),
        ("spec.action.dispatchAgent", "the reply ends the run"),
        ("status", "deduplicatedCount"),
        ("status.conditions", "Listening: whether the stream of its source can be read."),
        ("status.lastError", "The id of the event."),
    ],
)
def test_explain_tells(field: str, told: str, kubectl: Kubectl) -> None:
    said = " ".join(kubectl("explain", f"eventhandler.{field}".rstrip(".")).split())

    assert told in said
    assert "<no description>" not in said


def test_the_operator_may_write_a_status_and_no_spec(controlplane: ControlPlane) -> None:
    operator = Objects(controlplane, "kronstream-operator")
    path = f"{KINDS.format(NAMESPACE, 'eventhandlers')}/report"

    operator.send("PATCH", f"{path}/status", {"status": {"seq": 1_000}}, MERGE)
    with pytest.raises(RefusedError, match="403"):
        operator.send("PATCH", path, {"spec": {"enabled": True}}, MERGE)
