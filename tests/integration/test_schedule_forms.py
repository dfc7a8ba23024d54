"""`kronstream preview` tells the truth: what it says of a file, without a cluster, stands in the job's status."""

import json
import os
import subprocess
from typing import Any

import pytest
import yaml

from integration.installation import Installation
from integration.objects import Object, condition, ready, scheduled
from integration.timeline import parse, render
from kronstream.dev.components import KRONSTREAM

NEW_YORK, HAVANA = "America/New_York", "America/Havana"
SECOND_MONDAYS = "DTSTART:20261102T090000\nRRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO\nEXDATE:20261214T090000"
FORMS: dict[str, dict[str, Any]] = {
    "five-fields": {"schedule": "30 8 * * 1-5", "timeZone": NEW_YORK},
    "macro": {"schedule": "@weekly", "timeZone": "Asia/Kolkata"},
    "names": {"schedule": "0 6 1,15 JAN-MAR,DEC *"},
    "seventh-day": {"schedule": "0 12 * * 7"},
    "either-day": {"schedule": "0 0 13 * FRI"},
    "last-day": {"schedule": "0 18 L * *", "timeZone": "Europe/Berlin"},
    "nearest-workday": {"schedule": "0 9 15W * *"},
    "second-friday": {"schedule": "0 9 * * FRI#2"},
    "last-friday": {"schedule": "0 9 * * L5"},
    "own-minute": {"schedule": "H 3 * * *"},
    "own-steps": {"schedule": "H(0-29)/10 H(0-5) * * *"},
    "six-fields": {"schedule": "15,45 30 4 * * *"},
    "several": {"schedules": ["0 9 * * *", "0 */9 * * *", "H H * * *"]},
    "rule": {"rrule": SECOND_MONDAYS, "timeZone": NEW_YORK},
    "anchored": {"every": "36h", "anchor": "2026-01-01T05:30:00.250Z"},
    "anchored-ahead": {"every": "1d", "anchor": "2037-05-01T00:00:00Z"},
    "once": {"runAt": "2038-01-19T03:14:07Z"},
    "on-demand": {},
    "gap-after": {"schedule": "30 2 8-14 3 *", "timeZone": NEW_YORK},
    "gap-skip": {"schedule": "30 2 8-14 3 *", "timeZone": NEW_YORK, "dst": {"gap": "Skip"}},
    "gap-at-midnight": {"schedule": "0 0 8-14 3 *", "timeZone": HAVANA},
    "repeat-first": {"schedule": "30 1 1-7 11 *", "timeZone": NEW_YORK},
    "repeat-both": {"schedule": "30 1 1-7 11 *", "timeZone": NEW_YORK, "dst": {"repeat": "Both"}},
    "elapsed": {"schedule": "30 * 1-7 11 SUN", "timeZone": NEW_YORK},
    "half-an-hour": {"schedule": "45 1 1-7 4 *", "timeZone": "Australia/Lord_Howe", "dst": {"repeat": "Both"}},
    "window": {"schedule": "0 0 * * *", "notBefore": "2037-12-24T00:00:00Z", "notAfter": "2037-12-26T00:00:00Z"},
    "days-left-out": {
        "schedule": "0 9 * 12 *",
        "timeZone": NEW_YORK,
        "notBefore": "2037-12-20T00:00:00Z",
        "exclude": ["2037-12-24/2037-12-26", "2037-12-31", "* * * * SUN"],
    },
    "interval-and-days": {"every": "6h", "anchor": "2037-12-23T00:00:00Z", "exclude": ["2037-12-24"]},
    "jitter": {"schedule": "0 3 * * *", "jitter": "30m"},
    "ending": {"schedule": "0 3 * * *", "endAfter": {"runs": 3}},
    "never": {"schedule": "0 0 31 2 *"},
    "all-left-out": {"schedule": "0 9 * * *", "exclude": ["* 9 * * *"]},
    "rule-that-ended": {"rrule": "DTSTART:20260101T000000\nRRULE:FREQ=DAILY;COUNT=3"},
    "window-that-passed": {"schedule": "@daily", "notAfter": "2026-01-01T00:00:00Z"},
}
FROM_CREATION = {
    "interval": {"every": "2h30m"},
    "rule-from-creation": {"rrule": "FREQ=DAILY;INTERVAL=3;BYHOUR=9", "timeZone": NEW_YORK},
}
NO_NEXT = {
    "never": "nothing is due any more: '0 0 31 2 *' never comes: no day matches day of month 31 in month 2",
    "all-left-out": "nothing is due any more: every instant from ",
    "rule-that-ended": "nothing is due any more: the rule has ended: COUNT=3 allows nothing after 20260103T000000",
    "window-that-passed": "nothing is due any more: notAfter, 2026-01-01T00:00:00Z, has passed",
}


def preview(text: str, start: str, number: int = 5) -> list[dict[str, Any]]:
    """What the command says of manifests, in a process that knows no cluster."""
    environ = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
    command = [*KRONSTREAM, "preview", "-", "-o", "json", "--from", start, "-n", str(number)]
    done = subprocess.run(command, input=text, env=environ, capture_output=True, text=True, check=True, timeout=60)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def in_force(installation: Installation, forms: dict[str, dict[str, Any]]) -> dict[str, tuple[Object, Object]]:
    """Each form as written, and as it stands on the server once the operator has told what comes next."""
    written = {form: scheduled(form, **spec) for form, spec in forms.items()}
    applied = dict(zip(written, installation.apply(*written.values()), strict=True))
    return {form: (written[form], installation.wait(applied[form], ready)) for form in forms}


def agree(told: dict[str, Any], job: Object) -> None:
    """The status says what the preview said, which was asked from the job's cursor on."""
    status = job["status"]
    nominals = [run["nominal"] for run in told["runs"]]
    assert status["upcoming"] == nominals
    assert status.get("nextRunTime") == (nominals[0] if nominals else None)
    if told["schedule"] != "on demand":
        assert status["schedule"] == told["schedule"]


def start_of(job: Object) -> str:
    """The first instant that the job's status has not dealt with."""
    return render(parse(job["status"]["cursor"]) + 1)


def test_the_status_says_what_the_preview_of_the_file_said(installation: Installation) -> None:
    jobs = in_force(installation, FORMS)
    starts: dict[str, list[str]] = {}
    for form, (_, job) in jobs.items():
        starts.setdefault(start_of(job), []).append(form)

    for start, forms in starts.items():
        files = "---\n".join(yaml.safe_dump(jobs[form][0]) for form in forms)
        for form, told in zip(forms, preview(files, start), strict=True):
            job = jobs[form][1]
            assert (told["namespace"], told["name"]) == ("default", form)
            agree(told, job)
            if form in NO_NEXT:
                assert (told["runs"], condition(job, "Ready")["reason"]) == ([], "NoNextRun")
                # the preview begins a millisecond later, and says so where it names an instant
                words = told["end"].partition(" from ")[0]
                assert condition(job, "Ready")["message"].startswith(f"nothing is due any more: {words}")

    shown = {form: jobs[form][1]["status"] for form in jobs}
    for form, said in NO_NEXT.items():
        assert condition(jobs[form][1], "Ready")["message"].startswith(said)
    assert condition(jobs["on-demand"][1], "Ready")["reason"] == "OnDemand"
    assert not any("H" in text for text in (shown["own-minute"]["schedule"], shown["own-steps"]["schedule"]))
    # what changed clocks do, by other means than the engine's
    assert "2027-03-14T07:00:00Z" in _instants(installation, jobs["gap-after"], "2027-03-12T12:00:00Z")
    assert "2027-03-14T07:00:00Z" not in _instants(installation, jobs["gap-skip"], "2027-03-12T12:00:00Z")
    assert "2028-03-12T05:00:00Z" in _instants(installation, jobs["gap-at-midnight"], "2028-03-10T12:00:00Z")


def _instants(installation: Installation, job: tuple[Object, Object], start: str) -> list[str]:
    """The next runs from an instant on, of the object that the server has."""
    text = json.dumps(installation.objects.get(job[1]))
    return [run["nominal"] for run in preview(text, start)[0]["runs"]]


def test_what_counts_from_the_creation_is_previewed_from_the_object(installation: Installation) -> None:
    jobs = in_force(installation, FROM_CREATION)
    for form, (written, job) in jobs.items():
        (told,) = preview(installation.plane.kubectl("get", "sched", form, "-o", "yaml"), start_of(job))
        agree(told, job)
        assert told["notes"] == []
        (guessed,) = preview(yaml.safe_dump(written), start_of(job))
        assert "counted from here; in the cluster from the creation of the job" in guessed["notes"][0]
        # what is shown of a file is what a job would do that is created at that instant
        (born,) = preview(yaml.safe_dump(written), job["metadata"]["creationTimestamp"])
        agree(born, job)


@pytest.mark.parametrize(("form", "says"), [("own-minute", "H 3 * * *"), ("several", None), ("rule", None)])
def test_kubectl_shows_the_schedule_as_written_and_as_resolved(
    form: str, says: str | None, installation: Installation
) -> None:
    jobs = in_force(installation, {form: FORMS[form]})
    wide = installation.plane.kubectl("get", "sched", form, "-o", "wide").splitlines()

    assert len(wide) == 2, "a row is a line, also of a rule that has several"
    assert jobs[form][1]["status"]["schedule"] in wide[1]
    if says is not None:
        assert says in wide[1]
