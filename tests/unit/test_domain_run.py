"""A run's identity and states, the work it carries, and verdicts on fields."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kronstream.domain.errors import Invalid
from kronstream.domain.retry import Retry
from kronstream.domain.run import State, Trigger, digest, run_id, trigger_of
from kronstream.domain.work import Work

UID = "0b5c3c6e-5d0c-4a8e-9f0a-2d7e3a1c9b11"


def test_an_id_names_job_trigger_and_key() -> None:
    run = run_id(UID, Trigger.SCHEDULE, "1800000000000")
    assert run == f"{UID}-s1800000000000"
    assert len(run) <= 63
    assert len({run_id(UID, trigger, "1") for trigger in Trigger}) == len(Trigger)


@given(st.text(), st.text(), st.sampled_from([Trigger.MANUAL, Trigger.EVENT, Trigger.RETRY]))
def test_a_key_of_any_length_makes_an_id_that_can_be_a_label(key: str, other: str, trigger: Trigger) -> None:
    run = run_id(UID, trigger, digest(key))
    assert len(run) <= 63
    assert run.rpartition("-")[0] == UID
    assert trigger_of(run) is trigger
    assert (digest(key) == digest(other)) == (key == other)
    assert digest(key, other) != digest(key + other)


def test_a_text_that_is_no_id_has_no_trigger() -> None:
    with pytest.raises(ValueError, match="is not a valid Trigger"):
        trigger_of("nothing")


def test_the_last_five_states_are_terminal() -> None:
    assert [state for state in State if state.terminal] == list(State)[3:]
    assert [state.value for state in State if not state.terminal] == ["queued", "running", "retrying"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(json_values, st.none() | st.text(), st.integers(0, 10**9))
def test_a_work_is_read_as_it_was_stored(payload: object, platform: str | None, timeout: int) -> None:
    work = Work("default", "job", "echo", payload, timeout, Retry(limit=7, jitter=0.5), platform)
    assert Work.load(work.dump()) == work
    assert Work.load(work.dump().encode()) == work
    assert json.loads(work.dump())["v"] == 1


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('{"v":3}', "work of version 3; this worker reads up to 2"),
        ('{"v":0}', "work of version 0; this worker reads up to 2"),
        ('{"v":true}', "work of version True; this worker reads up to 2"),
        ("{}", "work of version None; this worker reads up to 2"),
        ("[1]", "work of version None; this worker reads up to 2"),
        ('{"v":1}', "not a stored work: 'retry'"),
        ('{"v":1,"retry":7}', "not a stored work: "),
        ('{"v":1,"retry":{"limit":3},"namespace":"a","name":"b"}', "not a stored work: "),
        ("", "Expecting value"),
    ],
)
def test_what_is_no_work_is_refused(text: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        Work.load(text)


def test_what_a_newer_version_added_is_passed_over() -> None:
    work = Work("a", "b", "c", call={"url": "https://example.com"}, limits={"memory": 1})
    assert '"limits"' not in Work("a", "b", "c").dump()
    assert Work.load(work.dump()) == work
    assert Work.load(work.dump().replace('{"v":1', '{"v":2,"colour":"red"')) == work
    assert Work.load(work.dump().replace('"retry":{', '"retry":{"colour":"red",')) == work


def test_a_verdict_names_field_fault_and_what_to_write() -> None:
    assert str(Invalid("spec.schedule", "'x' is none", "write five")) == "spec.schedule: 'x' is none; write five"
    assert str(Invalid("spec", "is empty")) == "spec: is empty"
    verdict = Invalid("spec.every", "bad", "90s")
    assert (verdict.field, verdict.fault, verdict.instead) == ("spec.every", "bad", "90s")
