"""What the forms and limits of a schedule make of a real clock: what fires, at which second, and what does not."""

import json
import os
import subprocess
from typing import Any

import yaml

from eventually import eventually
from integration.installation import Installation
from integration.objects import Object, condition, ready, scheduled
from integration.timeline import gaps, now, parse, render, until
from kronstream.dev.components import KRONSTREAM

QUEUE = "nobody"  # no worker serves it: entries stay in the stream and can be counted
EARLY, LATE = 50, 5_000  # ms around its instant within which a run is dispatched
RUN_NOW = "kronstream.dev/run-now"


def applied(installation: Installation, name: str, /, **spec: Any) -> Object:
    """A job that is in force."""
    (job,) = installation.apply(scheduled(name, **spec))
    return installation.wait(job, ready)


def fired(installation: Installation, job: Object) -> list[int]:
    """Nominal instants of all entries, each of which came in time and once."""
    entries = installation.entries(job, QUEUE)
    nominals = [nominal for nominal, _ in entries]
    assert nominals == sorted(set(nominals))
    assert all(-EARLY <= at - nominal <= LATE for nominal, at in entries)
    return nominals


def after(installation: Installation, job: Object, count: int, within: float = 20.0) -> list[int]:
    """As `fired`, once there are so many."""
    eventually(lambda: len(installation.entries(job, QUEUE)) >= count, within)
    return fired(installation, job)


def every_second(first: int, last: int) -> list[int]:
    """Seconds as instants, both included."""
    return list(range(first, last + 1, 1_000))


def test_six_fields_fire_at_their_seconds(installation: Installation) -> None:
    job = applied(installation, "six", schedule="1-59/2 * * * * *", queue=QUEUE)

    nominals = after(installation, job, 3)

    assert all(nominal % 2_000 == 1_000 for nominal in nominals)
    assert gaps(nominals, 2_000) == []


def test_several_schedules_make_one_run_where_they_meet(installation: Installation) -> None:
    job = applied(installation, "several", schedules=["*/2 * * * * *", "*/3 * * * * *"], queue=QUEUE)

    nominals = after(installation, job, 6)

    span = every_second(nominals[0], nominals[-1])
    assert nominals == [at for at in span if at // 1000 % 2 == 0 or at // 1000 % 3 == 0]
    # they met at least once, in the minute's every sixth second
    assert any(at // 1000 % 6 == 0 for at in nominals)
    assert installation.objects.get(job)["status"]["skipped"] == {}


def test_an_interval_counts_from_its_anchor(installation: Installation) -> None:
    anchor = (now() // 1000 - 3_600) * 1000 + 250
    begin = (now() // 1000 + 8) * 1000 + 500
    behind = applied(installation, "behind", every="2s", anchor=render(anchor), queue=QUEUE)
    ahead = applied(installation, "ahead", every="1s", anchor=render(begin), queue=QUEUE)
    assert ahead["status"]["nextRunTime"] == render(begin)

    first = after(installation, behind, 3)
    second = after(installation, ahead, 2, within=20)

    assert all((nominal - anchor) % 2_000 == 0 for nominal in first)
    assert gaps(first, 2_000) == []
    assert second[:2] == [begin, begin + 1_000]


def test_jitter_puts_a_run_off_as_the_preview_says(installation: Installation) -> None:
    spec = {"schedule": "*/2 * * * * *", "jitter": "1500ms", "history": {"successful": 1_000}}
    job = applied(installation, "jitter", **spec)
    begin = parse(job["status"]["cursor"]) + 1
    installation.wait(job, lambda found: found["status"]["runs"]["succeeded"] >= 4, within=20)
    records = {record.nominal: record for record in installation.records(job)}

    told = _preview(scheduled("jitter", **spec), render(begin), 20)
    starts = {parse(run["nominal"]): parse(run["starts"]) for run in told["runs"]}
    assert len({start - nominal for nominal, start in starts.items()}) > 5
    assert len(records) >= 4
    for nominal, record in records.items():
        assert nominal in starts, "the nominal time is that of the schedule"
        assert nominal % 2_000 == 0
        assert nominal <= starts[nominal] < nominal + 2_000
        assert nominal <= record.dispatched
        assert -EARLY <= record.dispatched - starts[nominal] <= LATE
        assert record.started is None or record.started >= starts[nominal] - EARLY
    assert sorted(records) == [nominal for nominal in sorted(starts) if nominal <= max(records)]


def _preview(job: Object, start: str, number: int) -> dict[str, Any]:
    """What the command says of a manifest, in a process that knows no cluster."""
    environ = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
    command = [*KRONSTREAM, "preview", "-", "-o", "json", "--from", start, "-n", str(number)]
    text = yaml.safe_dump(job)
    done = subprocess.run(command, input=text, env=environ, capture_output=True, text=True, check=True, timeout=60)
    found: dict[str, Any] = json.loads(done.stdout)[0]
    return found


def test_a_window_bounds_what_fires_both_ends_included(installation: Installation) -> None:
    first = (now() // 1000 + 3) * 1000
    last = first + 2_000
    spec = {"schedule": "* * * * * *", "notBefore": render(first), "notAfter": render(last), "queue": QUEUE}
    job = applied(installation, "window", **spec)
    assert job["status"]["upcoming"] == [render(at) for at in every_second(first, last)]

    def over(found: Object) -> bool:
        return condition(found, "Ready").get("reason") == "NoNextRun"

    job = installation.wait(job, over, within=25)
    until(last + 2_000)

    assert fired(installation, job) == every_second(first, last)
    assert condition(job, "Ready")["message"] == f"nothing is due any more: notAfter, {render(last)}, has passed"
    assert "nextRunTime" not in job["status"]


def test_what_is_excluded_does_not_fire(installation: Installation) -> None:
    today = render(now())[:10]
    tomorrow = render(now() + 86_400_000)[:10]
    odd = applied(installation, "odd", schedule="* * * * * *", exclude=["*/2 * * * * *"], queue=QUEUE)
    days = applied(installation, "days", every="1s", exclude=[f"{today}/{tomorrow}"], queue=QUEUE)
    free = applied(installation, "free", every="1s", exclude=["2020-02-29"], queue=QUEUE)

    nominals = after(installation, odd, 3)

    assert all(nominal % 2_000 == 1_000 for nominal in nominals)
    assert gaps(nominals, 2_000) == []
    assert len(after(installation, free, 3)) >= 3
    assert fired(installation, days) == []
    assert days["status"]["nextRunTime"] == f"{render(parse(f'{tomorrow}T00:00:00Z') + 86_400_000)[:10]}T00:00:00Z"
    assert installation.objects.get(days)["status"]["skipped"] == {}, "an exclusion is no skipped run"


def test_a_day_that_never_comes_keeps_a_job_for_when_it_is_asked(installation: Installation) -> None:
    job = applied(installation, "never", schedule="0 0 31 2 *", function="probe:note")
    told = condition(job, "Ready")
    assert (told["status"], told["reason"]) == ("True", "NoNextRun")
    assert told["message"].endswith("'0 0 31 2 *' never comes: no day matches day of month 31 in month 2")
    assert condition(job, "Stalled")["status"] == "False"
    assert "nextRunTime" not in job["status"]

    installation.plane.kubectl("annotate", "sched", "never", f"{RUN_NOW}=once")

    job = installation.wait(job, lambda found: found["status"]["runs"]["succeeded"] == 1)
    assert len(installation.seen(job)) == 1
    assert condition(job, "Ready")["reason"] == "NoNextRun"


def test_an_edit_of_what_is_left_out_fires_nothing_behind_it(installation: Installation) -> None:
    job = applied(installation, "edited", schedule="* * * * * *", exclude=["* * * * *"], queue=QUEUE)
    assert condition(job, "Ready")["reason"] == "NoNextRun"
    until(parse(job["metadata"]["creationTimestamp"]) + 3_000)

    edited = now()
    installation.objects.patch(job, exclude=None)

    nominals = after(installation, job, 2)
    assert nominals[0] > edited - EARLY - 1_000
    assert gaps(nominals, 1_000) == []
