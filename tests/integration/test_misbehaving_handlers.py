"""Handlers that raise, answer nonsense, never end or take their process along; entries that nobody understands."""

from typing import Any

import pytest

from eventually import eventually
from integration.installation import Installation
from integration.objects import scheduled
from integration.timeline import now, render
from kronstream.domain.run import State

ONCE: dict[str, Any] = {"retry": {"limit": 0}, "timeout": "30s"}
ENDLESS = {**ONCE, "timeout": "2s"}
# function → reason of the record, a word of the error
ENDS = {
    "probe:raise": ("error", "the cellar is flooded"),
    "probe:object": ("result", "not JSON"),
    "probe:large": ("result", "64 KiB"),
    "probe:exit": ("crashed", "7"),
    "probe:exit-async": ("error", "sys.exit"),
    "probe:hoard": ("crashed", "memory limit of 64Mi"),
    "probe:typed": ("permanent", "payload.days is missing"),
    "probe:endless": ("timeout", "2s"),
    "probe:endless-async": ("timeout", "2s"),
    "reports:none": ("unknown_handler", "reports:none"),
}
LIMITS: dict[str, dict[str, str]] = {"probe:hoard": {"memory": "64Mi"}}


def test_each_is_a_failed_attempt_with_a_reason_and_a_record(installation: Installation) -> None:
    """All at once, with a good job beside them that nothing happens to."""
    (good,) = installation.apply(scheduled("good", function="probe:note", every="1s"))
    instant = render(now() + 500)
    jobs = {
        function: installation.apply(
            scheduled(
                function.replace(":", "-"),
                handler={"function": {"name": function, **LIMITS.get(function, {})}},
                runAt=instant,
                **(ENDLESS if "endless" in function else ONCE),
            )
        )[0]
        for function in ENDS
    }

    for function, applied in jobs.items():
        reason, word = ENDS[function]
        job = installation.wait(applied, lambda found: "completionTime" in found["status"], within=60)
        (record,) = installation.records(job)
        assert (record.state, record.reason, record.attempt) == (State.FAILED, reason, 1), function
        assert word in str(record.error), function
        assert word in job["status"]["lastRun"]["message"], function
        assert job["status"]["runs"]["failed"] == 1
    unknown = installation.records(jobs["reports:none"])[0].error or {}
    assert "known are: echo, fail, probe:" in unknown["message"]

    before = len(installation.seen(good))
    eventually(lambda: len(installation.seen(good)) >= before + 2)
    good = installation.objects.patch(good, suspend=True)
    installation.wait(good, lambda found: found["status"]["active"] == 0 and "nextRunTime" not in found["status"])
    assert {record.state for record in installation.records(good)} == {State.SUCCESS}
    eventually(lambda: installation.pending() == 0)
    assert installation.complaints() == []


def test_what_ends_the_whole_worker_process_fails_its_own_attempt_alone(installation: Installation) -> None:
    installation.allow("the loop process exited with code 7; it held")
    (good,) = installation.apply(scheduled("neighbour", function="probe:note", every="1s"))
    eventually(lambda: installation.seen(good))
    (bad,) = installation.apply(scheduled("deadly", function="probe:kill", runAt=render(now() + 300), **ONCE))

    bad = installation.wait(bad, lambda found: "completionTime" in found["status"], within=20)

    (record,) = installation.records(bad)
    assert (record.state, record.reason) == (State.FAILED, "crashed")
    before = len(installation.seen(good))
    eventually(lambda: len(installation.seen(good)) >= before + 2, within=10)
    status = installation.objects.get(good)["status"]
    assert status["runs"]["failed"] == 0


def test_retries_come_with_backoff_and_end(installation: Installation) -> None:
    retry = {"limit": 2, "backoff": {"initial": "400ms", "factor": 2, "jitter": 0}}
    spec = {"function": "probe:flaky", "retry": retry, "payload": {"failures": 9}}
    (job,) = installation.apply(scheduled("backoff", runAt=render(now() + 200), **spec))

    job = installation.wait(job, lambda found: "completionTime" in found["status"])

    first, second, third = installation.seen(job)
    assert [call["attempt"] for call in (first, second, third)] == [1, 2, 3]
    assert len({call["run"] for call in (first, second, third)}) == 1
    assert 400 <= second["at"] - first["at"] < 8_000
    assert 800 <= third["at"] - second["at"] < 8_000
    assert job["status"]["consecutiveFailures"] == 1


GARBAGE: dict[str, tuple[dict[str, str], str]] = {
    "another producer's": ({"task": "send_mail", "args": "[]"}, 'no field "run"'),
    "a newer version's": ({"v": "99", "run": "x", "uid": "y"}, "99"),
    "binary": ({"run\x00": "\x00\xff", "v": "1"}, 'no field "run"'),
}


@pytest.mark.parametrize("kind", GARBAGE)
def test_an_entry_that_nobody_understands_is_set_aside_with_the_reason(kind: str, installation: Installation) -> None:
    fields, reason = GARBAGE[kind]
    entry = installation.redis.xadd(installation.keys.base, fields)
    installation.redis.rpush(installation.keys.wake("default"), "1")

    def buried() -> dict[str, str] | None:
        letters = [letter for _, letter in installation.redis.xrange(installation.keys.dead)]
        return next((letter for letter in letters if letter["entry"] == entry), None)

    letter = eventually(buried, within=10)

    assert reason in letter["reason"]
    assert letter["stream"] == installation.keys.base
    assert installation.redis.xrange(installation.keys.base, entry, entry) == []
    assert installation.pending() == 0


def test_garbage_holds_nobody_up(installation: Installation) -> None:
    (job,) = installation.apply(scheduled("clean", function="probe:note", every="1s"))
    for number in range(300):
        installation.redis.xadd(installation.keys.base, {"n": str(number)})

    eventually(lambda: len(installation.seen(job)) >= 2, within=20)

    assert min(call["at"] - call["nominal"] for call in installation.seen(job)) < 1_000
    eventually(lambda: installation.redis.xlen(installation.keys.base) <= 1)
