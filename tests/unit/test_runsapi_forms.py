"""Executions as objects and rows: names, versions, ages, selectors."""

import re
from dataclasses import replace

import pytest

from kronstream.domain.run import State, Trigger, digest, run_id
from kronstream.ports import Attempt, Execution
from kronstream.runsapi.objects import FIELDS, execution, fields, instant_of, job_label, metadata, version, version_at
from kronstream.runsapi.refusal import Refusal
from kronstream.runsapi.selection import parse
from kronstream.runsapi.table import COLUMNS, age, cells
from kronstream.runsapi.wish import Form, form_of

UID = "0b5c3c6e-5d0c-4a8e-9f0a-2d7e3a1c9b11"
AT = 1_795_877_406_000
SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
LABEL = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")

RECORD = Execution(
    id=f"{UID}-s{AT}", uid=UID, namespace="team", name="reports", state=State.FAILED, trigger=Trigger.SCHEDULE,
    nominal=AT, generation=2, attempt=2, dispatched=AT + 1, started=AT + 500, finished=AT + 5_000, duration=4_500,
    reason="error", result=None, error={"type": "ValueError", "message": "no\nmore", "traceback": "…"}, output="out",
    worker="worker-1", attempts=(Attempt(1, "worker-1", AT + 5, AT + 9, "error", "ValueError: no"),),
)  # fmt: skip


@pytest.mark.parametrize(
    ("trigger", "key"),
    [
        (Trigger.SCHEDULE, str(AT)),
        (Trigger.MANUAL, digest("x")),
        (Trigger.EVENT, digest("x")),
        (Trigger.RETRY, digest("x")),
        (Trigger.BACKFILL, f"{digest('x')[:8]}.{AT}"),
    ],
)
def test_every_identity_is_a_name_and_a_label(trigger: Trigger, key: str) -> None:
    name = run_id(UID, trigger, key)
    assert SUBDOMAIN.fullmatch(name)
    assert LABEL.fullmatch(name)
    assert len(name) <= 63


@pytest.mark.parametrize("name", ["x", "a" * 63, "a" * 64, "a-" * 126 + "b", f"{'a' * 39}-.{'b' * 100}"])
def test_a_jobs_name_fits_a_label(name: str) -> None:
    label = job_label(name)
    assert LABEL.fullmatch(label)
    assert len(label) <= 63
    assert (label == name) is (len(name) <= 63)


def test_the_version_grows_with_the_run() -> None:
    queued = replace(RECORD, state=State.QUEUED, started=None, finished=None, attempts=())
    running = replace(queued, state=State.RUNNING, started=AT + 5)
    retrying = replace(running, state=State.RETRYING, attempts=RECORD.attempts)
    versions = [version(one) for one in (queued, running, retrying, RECORD)]
    assert versions == sorted(set(versions))
    assert version_at(AT + 5_000) >= versions[-1]
    assert instant_of(versions[-1]) == AT + 5_000


def test_the_uid_follows_from_the_identity() -> None:
    assert metadata(RECORD)["uid"] == metadata(replace(RECORD, state=State.QUEUED))["uid"]
    assert metadata(RECORD)["uid"] != metadata(replace(RECORD, id=f"{UID}-s1"))["uid"]
    assert "ownerReferences" not in metadata(RECORD)


def test_what_a_record_has_not_is_left_out() -> None:
    told = execution(replace(RECORD, error=None, output="", attempts=(), worker=None, reason=None, payload="null"))
    assert not {"error", "output", "attempts", "worker", "reason", "result"} & told["status"].keys()
    assert told["spec"]["payload"] is None
    assert execution(RECORD)["status"]["message"] == "ValueError: no more"


def test_a_row_has_a_cell_for_each_column() -> None:
    row = cells(RECORD, AT + 60_500)
    assert len(row) == len(COLUMNS)
    assert row[1:8] == ["reports", "failed", "schedule", "2026-11-28T14:50:06Z", "60s", "4.5s", 2]
    running = replace(RECORD, state=State.RUNNING, finished=None, duration=None)
    assert cells(running, AT + 60_500)[6] == "60s"
    assert cells(replace(running, state=State.QUEUED, started=None), AT)[5:7] == ["", ""]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0s"), (0, "0s"), (119, "119s"), (120, "2m"), (125, "2m5s"), (600, "10m"), (10_799, "179m"), (10_800, "3h"),
     (11_700, "3h15m"), (28_800, "8h"), (172_799, "47h"), (172_800, "2d"), (180_000, "2d2h"), (691_200, "8d"),
     (63_072_000, "2y")],
)  # fmt: skip
def test_ages_are_written_as_kubectl_does(seconds: int, text: str) -> None:
    assert age(seconds * 1000) == text


def test_every_field_can_be_chosen_by() -> None:
    assert tuple(fields(RECORD)) == FIELDS
    for name, value in fields(RECORD).items():
        assert parse("", f"{name}={value}").holds(RECORD)
        assert not parse("", f"{name}!={value}").holds(RECORD)


@pytest.mark.parametrize(
    ("labels", "holds"),
    [
        ("", True),
        ("kronstream.dev/job=reports", True),
        ("kronstream.dev/job==reports,kronstream.dev/status=failed", True),
        (" kronstream.dev/job = reports , kronstream.dev/status != success", True),
        ("kronstream.dev/job in (reports, others)", True),
        ("kronstream.dev/job notin (reports)", False),
        ("kronstream.dev/job notin (others),kronstream.dev/trigger", True),
        ("!kronstream.dev/job", False),
        ("!other,other!=1,other notin (2)", True),
        ("other", False),
        ("kronstream.dev/job=", False),
    ],
)
def test_label_selectors(labels: str, holds: bool) -> None:
    assert parse(labels, "").holds(RECORD) is holds


@pytest.mark.parametrize("labels", ["a in", "a in ()b", "a b", "(a)", ",", "a=b c", "a>1", "a in (b"])
def test_label_selectors_that_cannot_be_read(labels: str) -> None:
    with pytest.raises(Refusal, match="labelSelector"):
        parse(labels, "")


@pytest.mark.parametrize(
    ("accept", "several", "form"),
    [
        ("", True, Form.WHOLE),
        ("*/*", True, Form.WHOLE),
        ("application/json", False, Form.WHOLE),
        ("application/json;as=Table;v=v1;g=meta.k8s.io,application/json", True, Form.TABLE),
        ("application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json", True, Form.WHOLE),
        ("application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", True, Form.METADATA),
        ("application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io", False, Form.METADATA),
        ("application/json;q=0.9,text/html", True, Form.WHOLE),
    ],
)
def test_forms(accept: str, several: bool, form: Form) -> None:
    assert form_of(accept, several=several) is form


@pytest.mark.parametrize(
    "accept",
    [
        "text/html",
        "application/vnd.kubernetes.protobuf",
        "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
    ],
)
def test_forms_that_are_not_served(accept: str) -> None:
    with pytest.raises(Refusal):
        form_of(accept, several=True)
