"""What is told as a Kubernetes Event: once, whichever replica saw it."""

from dataclasses import replace
from typing import Any

import pytest

from kronstream.controller.job import Job, read
from kronstream.controller.news import MESSAGE, News, event, news_of, remember
from kronstream.controller.view import status_of
from kronstream.domain.plan import Skipped
from kronstream.domain.run import Skip, State
from kronstream.ports import JobState, LastRun
from unit.fakecluster import NOW, UID, manifest
from unit.test_controller_view import STATE

RUN = f"{UID}-s{NOW}"


def job(**spec: Any) -> Job:
    return read(manifest(**spec), 60_000)[0]


def state(failures: int = 0, missed: int = 0, message: str = "no", last_skip: Skip = Skip.MISSED) -> JobState:
    ended = State.FAILED if failures else State.SUCCESS
    return replace(
        STATE,
        consecutive_failures=failures,
        skipped={"Missed": missed} if missed else {},
        last=LastRun(RUN, ended.value, NOW, 5, message),
        last_skip=Skipped(last_skip, missed, NOW - 5000, NOW),
    )


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (state(), state(), []),
        (state(), state(failures=1), [("Warning", "RunFailed")]),
        (state(failures=1), state(failures=2), []),
        (state(failures=2), state(), [("Normal", "RunSucceeded")]),
        (state(), state(missed=3), [("Warning", "Missed")]),
        (state(missed=3), state(missed=3), []),
        (state(), replace(state(), runs={"slow": 2}), [("Warning", "RunSlow")]),
        (replace(state(), runs={"slow": 2}), replace(state(), runs={"slow": 2}), []),
        (state(missed=3), state(missed=4, failures=1), [("Warning", "RunFailed"), ("Warning", "Missed")]),
    ],
)
def test_what_changed_is_told_once(before: JobState, after: JobState, told: list[tuple[str, str]]) -> None:
    its = job()
    remember(its, before)
    found = news_of(its, after)
    assert [(one.kind, one.reason) for one in found] == told
    remember(its, after)
    assert news_of(its, after) == []


def test_what_the_status_told_before_a_restart_is_not_told_again() -> None:
    its = job()
    after = state(failures=2, missed=7)
    assert news_of(read(manifest(status=status_of(its, after, True, NOW)), 60_000)[0], after) == []


def test_a_failure_names_the_run_and_what_went_wrong() -> None:
    (one,) = news_of(job(), state(failures=1, message="disk full"))
    assert one.message == f"run {RUN} failed: disk full"


@pytest.mark.parametrize(("last", "named"), [(Skip.MISSED, True), (Skip.OVERLAP, False)])
def test_misses_name_their_range_only_where_it_is_known(last: Skip, *, named: bool) -> None:
    (one,) = news_of(job(), state(missed=3, last_skip=last))
    assert one.message.startswith("3 due instant(s) were missed")
    assert ("from 2026-11-18T11:06:35Z to 2026-11-18T11:06:40Z" in one.message) == named


def test_an_invalid_spec_is_told_until_the_status_says_so() -> None:
    its = job(schedule="61 * * * *")
    (one,) = news_of(its, STATE)
    assert (one.reason, "spec.schedule" in one.message) == ("InvalidSpec", True)
    its.conditions = tuple(status_of(its, STATE, None, NOW)["conditions"])
    assert news_of(its, STATE) == []
    its.generation = 2
    assert [again.reason for again in news_of(its, STATE)] == ["InvalidSpec"]


def test_two_replicas_make_one_event_of_the_same_news() -> None:
    one, two = (event(job(), News("Warning", "RunFailed", "no", RUN), at) for at in (NOW, NOW + 700))
    other = event(job(), News("Warning", "RunFailed", "no", f"{RUN}0"), NOW)
    assert one["metadata"]["name"] == two["metadata"]["name"] != other["metadata"]["name"]


def test_an_event_fits_what_kubernetes_takes() -> None:
    its = job()
    its.name = "n" * 253
    made = event(its, News("Warning", "RunFailed", "x" * 5000, RUN), NOW)
    assert len(made["message"]) == MESSAGE
    assert len(made["metadata"]["name"]) <= 253
    assert made["involvedObject"]["uid"] == UID
