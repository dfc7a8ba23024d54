"""The objects of an attempt: what they are called, what they tell, what the template keeps."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kronstream.domain.work import Work
from kronstream.ports import Claim
from kronstream.resources.batchjob import BatchJob
from kronstream.worker.kube import marks
from kronstream.worker.kube.manifest import job_manifest, kept_for
from unit.fakequeue import claim

LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
RUN = "0b5c3c6e-5d0c-4a8e-9f0a-2d7e3a1c9b11-s1795000000000"


def attempt(name: str = "report", number: int = 1, run: str = RUN, uid: str = "uid-1", **work: Any) -> Claim:
    done = claim("@job", run=run, attempt=number)
    fields = {"namespace": "team", "name": name, "function": "@job", "timeout": 90_500, **work}
    return Claim(done.run, done.token, uid, 1, number, 1_795_000_000_000, 1, done.lane, Work(**fields), external=None)


def batch(pod: dict[str, Any] | None = None, metadata: dict[str, Any] | None = None, **fields: Any) -> BatchJob:
    inner = {"containers": [{"name": "main", "image": "busybox:1"}], **(pod or {})}
    template = {"metadata": metadata or {}, "spec": {"template": {"spec": inner}, **fields.pop("job", {})}}
    return BatchJob.model_validate({"template": template, **fields})


@given(st.from_regex(r"\A[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\Z"), st.integers(1, 101))
def test_a_name_is_a_label_and_the_same_every_time(name: str, number: int) -> None:
    found = marks.object_name(attempt(name, number))
    assert found == marks.object_name(attempt(name, number))
    assert len(found) <= 63
    assert LABEL.fullmatch(found)
    assert found.endswith(f"-{number}")
    others = {marks.object_name(attempt(name, number + 1)), marks.object_name(attempt(name, number, run=RUN + "1"))}
    assert found not in others


def test_what_an_object_tells() -> None:
    made = marks.metadata(attempt(), {"labels": {"a": "b"}, "annotations": {"c": "d"}})
    assert made["labels"] == {"a": "b", "kronstream.dev/run": RUN, "kronstream.dev/job": "report"}
    assert made["annotations"] == {
        "c": "d",
        "kronstream.dev/nominal-time": "2026-11-18T11:06:40Z",
        "kronstream.dev/attempt": "1",
    }
    assert made["ownerReferences"] == [
        {
            "apiVersion": "kronstream.dev/v1",
            "kind": "ScheduledJob",
            "name": "report",
            "uid": "uid-1",
            "controller": False,
            "blockOwnerDeletion": False,
        }
    ]
    assert made["namespace"] == "team"


def test_what_an_event_handlers_action_makes_belongs_to_the_event_handler() -> None:
    (found,) = marks.metadata(attempt(uid="eh.uid-2"), None)["ownerReferences"]

    assert (found["kind"], found["name"], found["uid"]) == ("EventHandler", "report", "uid-2")


def test_a_long_name_of_a_job_is_cut_for_its_label() -> None:
    assert marks.labels(attempt("a" * 62 + ".b"))["kronstream.dev/job"] == "a" * 62


def test_only_the_runs_own_object_is_ours() -> None:
    ours = {"metadata": {"labels": {"kronstream.dev/run": RUN}}}
    assert marks.is_ours(ours, attempt())
    assert not marks.is_ours({"metadata": {"labels": {"kronstream.dev/run": "other"}}}, attempt())
    assert not marks.is_ours({"metadata": {}}, attempt())


def test_what_is_not_written_is_filled_in() -> None:
    made = job_manifest(attempt(account="robot"), batch())
    spec, pod = made["spec"], made["spec"]["template"]["spec"]
    assert (spec["backoffLimit"], spec["activeDeadlineSeconds"], spec["ttlSecondsAfterFinished"]) == (0, 151, 3_600)
    assert (pod["restartPolicy"], pod["serviceAccountName"]) == ("Never", "robot")
    assert made["spec"]["template"]["metadata"]["labels"]["kronstream.dev/run"] == RUN


def test_what_is_written_stays() -> None:
    job = batch(
        {"restartPolicy": "OnFailure", "serviceAccountName": "own"},
        job={"backoffLimit": 4, "activeDeadlineSeconds": 5, "ttlSecondsAfterFinished": 0},
    )
    before = json.dumps(job.template)
    made = job_manifest(attempt(account="robot"), job)
    spec, pod = made["spec"], made["spec"]["template"]["spec"]
    assert (spec["backoffLimit"], spec["activeDeadlineSeconds"], spec["ttlSecondsAfterFinished"]) == (4, 5, 0)
    assert (pod["restartPolicy"], pod["serviceAccountName"]) == ("OnFailure", "own")
    assert kept_for(job, succeeded=True) is None
    assert json.dumps(job.template) == before, "the block of the work is used again by the next attempt"


def test_the_default_account_is_left_to_the_cluster() -> None:
    assert "serviceAccountName" not in job_manifest(attempt(), batch())["spec"]["template"]["spec"]


def test_every_container_is_told_of_the_run() -> None:
    pod = {
        "containers": [
            {"name": "a", "image": "b", "env": [{"name": "KRONSTREAM_PAYLOAD", "value": "mine"}]},
            {"name": "c", "image": "d"},
        ],
        "initContainers": [{"name": "e", "image": "f"}],
    }
    payload = {"price": "$5", "shell": "$(HOME)", "ü": None}
    made = job_manifest(attempt(payload=payload), batch(pod))["spec"]["template"]["spec"]
    a, c, e = ({one["name"]: one["value"] for one in x["env"]} for x in (*made["containers"], *made["initContainers"]))
    assert a["KRONSTREAM_PAYLOAD"] == "mine"
    assert c == e
    assert c["KRONSTREAM_RUN_ID"] == RUN
    assert c["KRONSTREAM_NOMINAL_TIME"] == "2026-11-18T11:06:40Z"
    assert c["KRONSTREAM_ATTEMPT"] == "1"
    # the kubelet makes $ of $$, and replaces $(HOME)
    assert c["KRONSTREAM_PAYLOAD"] == '{"price":"$$5","shell":"$$(HOME)","ü":null}'
    assert len([one for one in made["containers"][0]["env"] if one["name"] == "KRONSTREAM_PAYLOAD"]) == 1


@pytest.mark.parametrize(
    ("after", "at_first", "succeeded", "failed"),
    [
        (None, 3_600, 300, 3_600),
        ({"succeeded": "0s", "failed": "0s"}, 60, 0, 0),
        ({"succeeded": "2d"}, 172_800, 172_800, 3_600),
        ({"failed": "1500ms"}, 300, 300, 2),
    ],
)
def test_how_long_a_finished_job_is_kept(
    after: dict[str, str] | None, at_first: int, succeeded: int, failed: int
) -> None:
    job = batch(**({"deleteAfter": after} if after else {}))
    assert job_manifest(attempt(), job)["spec"]["ttlSecondsAfterFinished"] == at_first
    assert (kept_for(job, succeeded=True), kept_for(job, succeeded=False)) == (succeeded, failed)
