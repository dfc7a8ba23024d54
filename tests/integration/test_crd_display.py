"""What a person sees of a ScheduledJob: columns, explain, diff; and the guard around the status."""

import json
from collections.abc import Iterator
from typing import Literal

import pytest

from integration.objects import JOBS, MERGE, Objects, RefusedError
from kronstream.dev.controlplane import ControlPlane
from kronstream.dev.kubectl import Kubectl, KubectlError
from kronstream.resources import Condition, LastRun, Runs, Status, parse_spec, parse_status

NAMESPACE = "crd-display"
JOB = """
apiVersion: kronstream.dev/v1
kind: ScheduledJob
metadata: {name: report, namespace: crd-display}
spec:
  schedule: "30 8 * * 1-5"
  timeZone: America/New_York
  handler: {function: {name: "reports:morning"}}
---
apiVersion: kronstream.dev/v1
kind: ScheduledJob
metadata: {name: tick, namespace: crd-display}
spec:
  every: 90s
  suspend: true
  handler: {function: {name: echo}}
---
apiVersion: kronstream.dev/v1
kind: ScheduledJob
metadata: {name: once, namespace: crd-display}
spec:
  runAt: "2038-01-19T03:14:07Z"
  priority: high
  handler: {function: {name: echo}}
---
apiVersion: kronstream.dev/v1
kind: ScheduledJob
metadata: {name: twice, namespace: crd-display}
spec:
  schedules: ["0 6 * * *", "0 18 * * 1-5"]
  dst: {}
  concurrencyPolicy: Queue
  concurrencyGroup: {name: database}
  handler: {function: {name: echo}}
---
apiVersion: kronstream.dev/v1
kind: ScheduledJob
metadata: {name: fortnightly, namespace: crd-display}
spec:
  rrule: FREQ=WEEKLY;INTERVAL=2
  exclude: [2026-12-24, 2026-12-27/2027-01-02]
  handler: {function: {name: echo}}
---
apiVersion: kronstream.dev/v1
kind: ScheduledJob
metadata: {name: asked, namespace: crd-display}
spec:
  handler: {function: {name: echo}}
"""
Suspended = Literal["No", "Spec", "Paused", "Failures", "Namespace", "Installation"]
FUTURE = 2_147_483_647_000


def written(seq: int) -> Status:
    """A status as the operator writes it."""
    ready = Condition(type="Ready", status="True", reason="Scheduled", last_transition_time_ms=1_000)
    return Status(
        observed_generation=1,
        seq=seq,
        cursor_ms=1_700_000_000_123,
        conditions=(ready,),
        schedule="30 8 * * 1-5",
        suspended="No",
        next_run_time_ms=FUTURE,
        upcoming_ms=(FUTURE, FUTURE + 60_000),
        last_schedule_time_ms=1_700_000_000_000,
        last_run=LastRun(id="uid-s1", status="success", started_at_ms=1_700_000_000_000, duration_ms=3),
        active=1,
        runs=Runs(total=44, succeeded=42, failed=2),
        skipped={"Missed": 3},
        unfinished=("uid-s2",),
    )


@pytest.fixture(scope="module", autouse=True)
def jobs(kubectl: Kubectl) -> Iterator[None]:
    kubectl("create", "namespace", NAMESPACE)
    kubectl("apply", "-f", "-", stdin=JOB)
    yield
    kubectl("delete", "-f", "-", stdin=JOB)


def write(kubectl: Kubectl, name: str, status: Status, uid: str | None = None) -> None:
    """As the operator does: a JSON patch that tests the UID."""
    uid = uid or kubectl("get", "sched", name, "-n", NAMESPACE, "-o", "jsonpath={.metadata.uid}")
    body = status.model_dump(mode="json", by_alias=True, exclude_unset=True)
    patch = [{"op": "test", "path": "/metadata/uid", "value": uid}, {"op": "add", "path": "/status", "value": body}]
    kubectl("patch", "sched", name, "-n", NAMESPACE, "--subresource=status", "--type=json", "-p", json.dumps(patch))


def rows(kubectl: Kubectl, *options: str) -> dict[str, dict[str, str]]:
    """The table that kubectl prints, by name and column."""
    head, *lines = kubectl("get", "sched", "-n", NAMESPACE, *options).splitlines()
    starts = [(name, head.index(f"{name}")) for name in head.split()]
    table = {}
    for line in lines:
        ends = [start for _, start in starts[1:]] + [len(line)]
        cells = {name: line[start:end].strip() for (name, start), end in zip(starts, ends, strict=True)}
        table[cells["NAME"]] = cells
    return table


def test_one_column_shows_when_whatever_its_form_before_any_operator_saw_it(kubectl: Kubectl) -> None:
    shown = {name: (cells["SCHEDULE"], cells["ZONE"], cells["SUSPENDED"]) for name, cells in rows(kubectl).items()}

    assert shown == {
        "report": ("30 8 * * 1-5", "America/New_York", ""),
        "tick": ("90s", "", ""),
        "once": ("2038-01-19T03:14:07Z", "", ""),
        "twice": ('["0 6 * * *","0 18 * * 1-5"]', "", ""),
        "fortnightly": ("FREQ=WEEKLY;INTERVAL=2", "", ""),
        "asked": ("", "", ""),
    }


@pytest.mark.parametrize("suspended", ["No", "Spec", "Paused", "Failures", "Namespace", "Installation"])
def test_the_table_tells_what_holds_a_job(suspended: Suspended, kubectl: Kubectl) -> None:
    write(kubectl, "asked", Status(observed_generation=1, suspended=suspended))

    assert rows(kubectl)["asked"]["SUSPENDED"] == suspended


def test_wide_columns_tell_how_runs_share(kubectl: Kubectl) -> None:
    cells = rows(kubectl, "-o", "wide")["twice"]

    assert (cells["POLICY"], cells["GROUP"], cells["RESOLVED"]) == ("Queue", "database", "")


def test_the_table_fits_a_terminal(kubectl: Kubectl) -> None:
    columns = " ".join(rows(kubectl)["report"])

    assert columns == "NAME SCHEDULE ZONE SUSPENDED READY NEXT LAST STATUS OK FAILED AGE"


def test_what_becomes_of_the_clocks_is_shown_only_where_it_was_asked_for(kubectl: Kubectl) -> None:
    def dst(name: str) -> str:
        return kubectl("get", "sched", name, "-n", NAMESPACE, "-o", "jsonpath={.spec.dst}")

    assert json.loads(dst("twice")) == {"gap": "RunAfter", "repeat": "First"}
    assert dst("report") == ""


def test_days_need_no_quotes(kubectl: Kubectl) -> None:
    stored = json.loads(kubectl("get", "sched", "fortnightly", "-n", NAMESPACE, "-o", "json"))

    assert parse_spec(stored["spec"]).exclude == ("2026-12-24", "2026-12-27/2027-01-02")


def test_the_columns_tell_what_happened_and_what_comes_next(kubectl: Kubectl) -> None:
    write(kubectl, "report", written(seq=1))

    cells = rows(kubectl, "-o", "wide")["report"]

    assert (cells["READY"], cells["NEXT"], cells["STATUS"]) == ("True", "2038-01-19T03:14:07Z", "success")
    assert (cells["SUSPENDED"], cells["RESOLVED"]) == ("No", "30 8 * * 1-5")
    assert (cells["OK"], cells["FAILED"], cells["ACTIVE"]) == ("42", "2", "1")
    assert (cells["HANDLER"], cells["PRIORITY"], cells["QUEUE"]) == ("reports:morning", "medium", "default")
    assert cells["REASON"] == "Scheduled"
    assert cells["LAST"].endswith("d")
    assert "invalid" not in str(cells)


def test_what_no_operator_has_seen_is_in_progress(kubectl: Kubectl) -> None:
    status = json.loads(kubectl("get", "sched", "tick", "-n", NAMESPACE, "-o", "json"))["status"]

    assert parse_status(status) == Status(observed_generation=-1)


def test_the_status_comes_back_as_it_was_written(kubectl: Kubectl) -> None:
    write(kubectl, "once", written(seq=9))

    stored = json.loads(kubectl("get", "sched", "once", "-n", NAMESPACE, "-o", "json"))

    assert parse_status(stored["status"]) == written(seq=9)
    assert stored["metadata"]["generation"] == 1


def test_seq_never_falls(kubectl: Kubectl) -> None:
    write(kubectl, "tick", written(seq=5))
    write(kubectl, "tick", written(seq=5))
    for older in (written(seq=4), Status(observed_generation=1)):
        with pytest.raises(KubectlError, match=r"status\.seq never falls: .* read the resource again"):
            write(kubectl, "tick", older)
    write(kubectl, "tick", written(seq=6))


def test_a_status_for_another_object_of_that_name_is_refused(kubectl: Kubectl) -> None:
    with pytest.raises(KubectlError, match="the server rejected our request"):
        write(kubectl, "report", written(seq=100), uid="00000000-0000-0000-0000-000000000000")


def test_diff_stays_empty(kubectl: Kubectl) -> None:
    write(kubectl, "report", written(seq=50))

    assert kubectl("diff", "-f", "-", stdin=JOB) == ""
    assert kubectl("diff", "--server-side", "--field-manager=gitops", "-f", "-", stdin=JOB) == ""


def test_the_category_and_the_short_name_find_it(kubectl: Kubectl) -> None:
    assert "report" in kubectl("get", "kronstream", "-n", NAMESPACE)
    assert "sched" in kubectl("api-resources", "--api-group=kronstream.dev", "--no-headers").split()


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("spec", "-required-"),
        ("spec.schedule", "@daily"),
        ("spec.schedule", "a job with none runs only when asked to"),
        ("spec.schedules", "once where they meet"),
        ("spec.rrule", "such as every second Monday"),
        ("spec.dst", "at the first instant after the gap (03:00); Skip leaves them out. Default: RunAfter."),
        ("spec.dst", "First runs at the first of the two, Both runs at both. Default: First."),
        ("spec.dst", "enum: RunAfter, Skip"),
        ("spec.exclude", "2026-12-24/2027-01-02"),
        ("spec.endAfter", "After this many runs that succeeded"),
        ("spec.concurrencyPolicy", "Queue lets it wait its turn"),
        ("spec.concurrencyGroup", "all jobs of this namespace that name the same group"),
        ("spec.runIf", "last.status"),
        ("status.suspended", "Installation"),
        ("status.paused", "an apply does not end it"),
        ("spec.retry", "0 means one attempt only. Default: 3."),
        ("spec.retry.backoff", "Default: 10s."),
        ("spec.payload", "at most 64 KiB"),
        ("spec.catchUp", "enum: None, Latest, All"),
        ("status.conditions", "Stalled: the spec cannot be used"),
        ("status.lastRun", "durationMs"),
    ],
)
def test_explain_tells(field: str, told: str, kubectl: Kubectl) -> None:
    said = " ".join(kubectl("explain", f"scheduledjob.{field}").split())

    assert told in said
    assert "<no description>" not in said


def test_the_operator_may_write_a_status_and_no_spec(controlplane: ControlPlane) -> None:
    operator, path = Objects(controlplane, "kronstream-operator"), f"{JOBS.format(NAMESPACE)}/tick"

    operator.send("PATCH", f"{path}/status", {"status": {"seq": 1_000}}, MERGE)
    with pytest.raises(RefusedError, match="403"):
        operator.send("PATCH", path, {"spec": {"suspend": False}}, MERGE)
