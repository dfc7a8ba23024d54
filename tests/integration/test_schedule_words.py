"""Bad input gets the same words before an apply, at the apply and in the status."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from bad_specs import BEYOND, JUDGED, WORDED
from integration.installation import Installation
from integration.objects import Object, RefusedError, condition, ready, scheduled
from kronstream.dev.components import KRONSTREAM

# what the schema judges, of what people write instead of a schedule
AT_APPLY = (
    "every-zero", "every-in-schedule", "zone-in-schedule", "jitter-longer-than-every", "window-ends-first",
    "exclude-ends-first", "two-times", "four-fields", "zone-with-every", "rrule-in-words",
)  # fmt: skip
STALLED = JUDGED | {case: BEYOND[case] for case in ("no-such-day", "window-ends-first-on-a-leap-day")}
# good specs that never run: a warning, and a reason
NEVER: dict[str, dict[str, Any]] = {
    "day-that-never-comes": {"schedule": "0 0 31 2 *"},
    "all-left-out": {"schedule": "*/5 8-17 * * *", "exclude": ["* 8-17 * * *"]},
    "every-day-left-out": {"schedule": "@daily", "exclude": ["0 0 * * *"], "timeZone": "Asia/Tokyo"},
    "rule-of-no-date": {"rrule": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"},
    "ended": {"every": "1h", "notAfter": "2026-01-01T00:00:00Z"},
}


def timeless(message: str) -> str:
    """The words alone: a file is judged now, a job from its creation on, so the instants they name may differ."""
    return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "<instant>", message)


def validated(folder: Path, jobs: dict[str, Object]) -> dict[str, tuple[int, list[dict[str, Any]]]]:
    """Errors and findings for each job, a file of its own, in a process that knows no cluster."""
    for case, job in jobs.items():
        (folder / f"{case}.yaml").write_text(yaml.safe_dump(job, sort_keys=False))
    environ = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
    command = [*KRONSTREAM, "validate", str(folder), "-o", "json"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=60)
    report = json.loads(done.stdout)
    found: dict[str, list[dict[str, Any]]] = {case: [] for case in jobs}
    for finding in report["findings"]:
        found[Path(finding["file"]).stem].append(finding)
    errors = {case: sum(finding["severity"] == "error" for finding in told) for case, told in found.items()}
    assert (report["files"], report["errors"]) == (len(jobs), sum(errors.values()))
    assert done.returncode == (1 if any(errors.values()) else 0)
    return {case: (errors[case], told) for case, told in found.items()}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, list[dict[str, Any]]]]:
    """What `validate` says of each case: how many errors, and its findings."""
    wrong = {case: spec for case, (spec, _) in {**STALLED, **{name: WORDED[name] for name in AT_APPLY}}.items()}
    found: dict[str, tuple[int, list[dict[str, Any]]]] = {}
    # apart: warnings alone have an exit code of their own
    for specs in (wrong, NEVER):
        jobs = {case: scheduled(case, **spec) for case, spec in specs.items()}
        found |= validated(tmp_path_factory.mktemp("specs"), jobs)
    return found


def test_what_the_operator_judges(
    said: dict[str, tuple[int, list[dict[str, Any]]]], installation: Installation
) -> None:
    jobs = {case: installation.apply(scheduled(case, **spec))[0] for case, (spec, _) in STALLED.items()}
    for case, job in jobs.items():
        errors, (finding,) = said[case]
        told = installation.wait(job, lambda found: condition(found, "Stalled").get("status") == "True", within=5)

        assert (errors, finding["severity"], finding["field"]) == (1, "error", STALLED[case][1])
        for kind in ("Stalled", "Ready"):
            assert timeless(condition(told, kind)["message"]) == timeless(f"{finding['field']}: {finding['message']}")
            assert condition(told, kind)["reason"] == "InvalidSpec"


@pytest.mark.parametrize("case", AT_APPLY)
def test_what_the_schema_judges(
    case: str, said: dict[str, tuple[int, list[dict[str, Any]]]], installation: Installation
) -> None:
    errors, (finding,) = said[case]

    with pytest.raises(RefusedError) as refused:
        installation.apply(scheduled(case, **WORDED[case][0]))

    assert (errors, finding["severity"], finding["field"]) == (1, "error", WORDED[case][1])
    # a CEL rule cannot repeat the value: the API server does that, and what to write is ours
    instead = finding["message"].partition("; ")[2]
    assert len(instead) > 10
    assert instead in str(refused.value)


def test_what_never_runs_is_no_fault(
    said: dict[str, tuple[int, list[dict[str, Any]]]], installation: Installation
) -> None:
    jobs = {case: installation.apply(scheduled(case, **spec))[0] for case, spec in NEVER.items()}
    for case, job in jobs.items():
        errors, (finding,) = said[case]
        told = installation.wait(job, ready)

        assert (errors, finding["severity"]) == (0, "warning")
        assert finding["message"].startswith("never runs; ")
        assert (condition(told, "Ready")["reason"], condition(told, "Stalled")["status"]) == ("NoNextRun", "False")
        # where the reason names the instant that was asked about, the two were asked at different ones
        why = finding["message"].removeprefix("never runs; ").partition(" from ")[0]
        assert condition(told, "Ready")["message"].startswith(f"nothing is due any more: {why}")
        assert "nextRunTime" not in told["status"]
        assert told["status"]["upcoming"] == []
        assert installation.entries(told) == []
