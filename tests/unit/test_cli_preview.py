"""`kronstream preview`: what a person and a program read about the next runs."""

import json
import os
import pty
import re
import select
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from kronstream.cli.main import main
from kronstream.domain import jitter
from kronstream.resources import instant

ROOT = Path(__file__).parents[2]
BERLIN = ("--time-zone", "Europe/Berlin")
NOTE = "clocks go forward: 02:30 does not exist, runs at 03:00"
JOB = """apiVersion: kronstream.dev/v1
kind: ScheduledJob
metadata:
  name: {name}
spec:
  handler: {{function: {{name: echo}}}}
  {when}
"""


def preview(*arguments: str | Path, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, ["preview", *map(str, arguments)], input=stdin)


def table(*arguments: str, stdin: str | None = None) -> list[str]:
    answer = preview(*arguments, stdin=stdin)
    assert (answer.exit_code, answer.stderr) == (0, "")
    return answer.stdout.splitlines()


def data(*arguments: str, stdin: str | None = None) -> Any:
    answer = preview(*arguments, "-o", "json", stdin=stdin)
    assert (answer.exit_code, answer.stderr) == (0, "")
    return json.loads(answer.stdout)


def job(name: str = "report", when: str = 'schedule: "0 9 * * *"') -> str:
    return JOB.format(name=name, when=when)


def test_the_clocks_of_the_zone_and_utc() -> None:
    assert table("--schedule", "30 2 * * *", *BERLIN, "--from", "2027-03-27", "-n", "3") == [
        "default/preview: 30 2 * * * in Europe/Berlin",
        "  #  Europe/Berlin                   UTC",
        "  1  Sat 2027-03-27 02:30:00 +01:00  2027-03-27 01:30:00",
        f"  2  Sun 2027-03-28 03:00:00 +02:00  2027-03-28 01:00:00  {NOTE}",
        "  3  Mon 2027-03-29 02:30:00 +02:00  2027-03-29 00:30:00",
    ]


def test_in_utc_there_is_one_clock() -> None:
    assert table("--schedule", "0 0 * * *", "--from", "2026-12-24T00:00:00Z", "-n", "2") == [
        "default/preview: 0 0 * * * in UTC",
        "  #  UTC",
        "  1  Thu 2026-12-24 00:00:00",
        "  2  Fri 2026-12-25 00:00:00",
    ]


def test_policies_of_changed_clocks() -> None:
    skipped = table("--schedule", "30 2 * * *", *BERLIN, "--gap", "Skip", "--from", "2027-03-28", "-n", "1")
    both = table("--schedule", "30 2 * * *", *BERLIN, "--repeat", "Both", "--from", "2026-10-25", "-n", "2")

    assert skipped[2] == (
        "  -  Sun 2027-03-28 03:00:00 +02:00  2027-03-28 01:00:00  "
        "skipped: clocks go forward: 02:30 does not exist, and dst.gap is Skip"
    )
    assert [line.split("  ")[-1] for line in both[2:]] == ["first of two 02:30", "second of two 02:30"]


def test_exclusions_are_shown() -> None:
    lines = table(
        "--schedule", "0 9 * * *", "--exclude", "2026-12-24/2026-12-26", "--exclude", "2026-12-28",
        "--from", "2026-12-24", "-n", "2",
    )  # fmt: skip

    assert [line.strip() for line in lines[2:]] == [
        "-  Thu 2026-12-24 09:00:00  skipped, 3 instants until 2026-12-26 09:00:00: excluded by 2026-12-24/2026-12-26",
        "1  Sun 2026-12-27 09:00:00",
        "-  Mon 2026-12-28 09:00:00  skipped: excluded by 2026-12-28",
        "2  Tue 2026-12-29 09:00:00",
    ]


def test_when_everything_is_excluded() -> None:
    lines = table("--schedule", "0 9 * * *", "--exclude", "* * * * *", "--from", "2026-12-24")

    assert "skipped, at least 1000 instants until 2029-09-18 09:00:00: excluded by * * * * *" in lines[2]
    assert lines[3].startswith("  no run: every instant from ")


def test_jitter_is_shown_to_the_millisecond_and_is_the_operators() -> None:
    lines = table("--schedule", "0 23 * * *", "--jitter", "2h", "--from", "2026-12-01", "-n", "20", "--name", "report")
    (found,) = data("--schedule", "0 23 * * *", "--jitter", "2h", "--from", "2026-12-01", "--name", "report")

    assert lines[0] == "default/report: 0 23 * * * in UTC, jitter 2h"
    for line, run in zip(lines[2:], found["runs"], strict=True):
        at, starts = instant.parse(run["nominal"]), instant.parse(run["starts"])
        assert starts == at + jitter.delay("default/report", at, 7_200_000, at + 86_400_000)
        assert starts // 86_400_000 == at // 86_400_000 or re.search(r"  [A-Z][a-z]{2} 00:\d\d:\d\d\.\d{3}$", line)
        assert line.endswith(f"{(starts % 60_000) / 1000:06.3f}")
    assert len({line.split()[-1][:2] for line in lines[2:]}) > 1


def test_skipped_rows_have_no_start() -> None:
    lines = table(
        "--schedule", "0 9 * * *", "--jitter", "1h", "--exclude", "2026-12-24", "--from", "2026-12-24", "-n", "1"
    )

    assert re.fullmatch(r"  -  Thu 2026-12-24 09:00:00 +skipped: excluded by 2026-12-24", lines[2])


def test_h_is_resolved_by_namespace_and_name() -> None:
    texts = {
        data("--schedule", "H H * * *", "--namespace", space, "--name", name, "-n", "1")[0]["schedule"]
        for space in ("a", "b") for name in ("c", "d")
    }  # fmt: skip

    assert len(texts) == 4
    assert all(re.fullmatch(r"\d+ \d+ \* \* \*", text) for text in texts)


def test_several_schedules_are_one() -> None:
    (found,) = data("--schedule", "0 9 * * *", "--schedule", "0 9,18 * * *", "--from", "2026-12-24", "-n", "3")

    assert [run["nominal"] for run in found["runs"]] == [
        "2026-12-24T09:00:00Z", "2026-12-24T18:00:00Z", "2026-12-25T09:00:00Z",
    ]  # fmt: skip


def test_json_has_all_of_it() -> None:
    (found,) = data(
        "--schedule", "30 2 * * *", *BERLIN, "--exclude", "2027-03-27", "--not-after", "2027-03-28T12:00:00Z",
        "--from", "2027-03-27", "--namespace", "shop", "--name", "report",
    )  # fmt: skip

    assert found == {
        "namespace": "shop",
        "name": "report",
        "schedule": "30 2 * * *",
        "timeZone": "Europe/Berlin",
        "runs": [
            {
                "nominal": "2027-03-28T01:00:00Z",
                "local": "2027-03-28T03:00:00+02:00",
                "starts": "2027-03-28T01:00:00Z",
                "notes": ["clocks go forward: 02:30 does not exist, runs at 03:00"],
            }
        ],
        "skipped": [
            {
                "first": "2027-03-27T01:30:00Z",
                "last": "2027-03-27T01:30:00Z",
                "count": 1,
                "exact": True,
                "reason": "excluded by 2027-03-27",
            }
        ],
        "end": "the next instant, 2027-03-29T00:30:00Z, is later than notAfter, 2027-03-28T12:00:00Z",
        "notes": [],
    }


@pytest.mark.parametrize(
    ("options", "end"),
    [
        (["--schedule", "0 0 31 2 *"], "  no run: '0 0 31 2 *' "),
        (["--run-at", "2020-01-01T00:00:00Z"], "  no run: its one instant, 2020-01-01T00:00:00Z, has passed"),
        (["--every", "1d", "--not-after", "2020-01-01T00:00:00Z"], "  no run: notAfter, 2020-01-01T00:00:00Z, "),
        (["--run-at", "2999-01-01T00:00:00Z"], "  no further run: its one instant, 2999-01-01T00:00:00Z, has passed"),
    ],
)  # fmt: skip
def test_why_there_is_no_next_run(options: list[str], end: str) -> None:
    assert table(*options)[-1].startswith(end)


def test_what_a_file_holds() -> None:
    (found,) = data("-", "--from", "2026-12-24", "-n", "1", stdin=job(when="runAt: 2026-12-24T18:00:00+01:00"))

    assert found["schedule"] == "2026-12-24T17:00:00Z"
    assert [run["nominal"] for run in found["runs"]] == ["2026-12-24T17:00:00Z"]


def test_several_documents_and_namespaces() -> None:
    other = job("second").replace("name: second", "name: second\n  namespace: shop")

    lines = table("-", "-n", "1", "--namespace", "mine", stdin=f"{job('first')}---\n{other}")

    assert [line for line in lines if line.startswith(("mine", "shop")) or not line] == [
        "mine/first: 0 9 * * * in UTC", "", "shop/second: 0 9 * * * in UTC",
    ]  # fmt: skip


def test_the_examples_can_be_previewed() -> None:
    assert [found["name"] for found in data(str(ROOT / "examples"), "-n", "1")].count("morning-report") == 1


@pytest.mark.parametrize(
    ("when", "note"),
    [
        ("suspend: true", "suspend is true: nothing runs until it is false"),
        ('runIf: last.status != "failed"', 'each run is skipped unless last.status != "failed"'),
        ("endAfter: {runs: 5}", "over after 5 runs"),
        ("endAfter: {successes: 5}", "over after 5 runs that succeeded"),
        ("every: 90s", "counted from here; in the cluster from the creation of the job, unless anchor says from when"),
        ("rrule: FREQ=DAILY", "counted from here; in the cluster from the creation of the job, unless DTSTART says "),
    ],
)
def test_notes_about_the_job(when: str, note: str) -> None:
    (found,) = data("-", "-n", "1", stdin=job(when=when))

    assert len(found["notes"]) == 1
    assert found["notes"][0].startswith(note)
    assert f"  {found['notes'][0]}" in table("-", "-n", "1", stdin=job(when=when))


@pytest.mark.parametrize(
    "when", ["{every: 90s, anchor: 2026-01-01T00:00:00Z}", '{rrule: "DTSTART:20260101T090000\\nRRULE:FREQ=DAILY"}']
)
def test_what_has_its_own_beginning_needs_no_note(when: str) -> None:
    text = job(when="").replace(
        "spec:\n  handler: {function: {name: echo}}", f"spec: {when[:-1]}, handler: {{function: {{name: echo}}}}}}"
    )

    (found,) = data("-", "-n", "1", stdin=text)

    assert found["notes"] == []


def test_an_interval_of_a_job_that_was_created_counts_from_then() -> None:
    text = job(when="every: 1h").replace("name: report", "name: report\n  creationTimestamp: 2026-01-01T00:17:00Z")

    (found,) = data("-", "--from", "2026-12-24", "-n", "1", stdin=text)

    assert found["runs"][0]["nominal"] == "2026-12-24T00:17:00Z"
    assert found["notes"] == []


@pytest.mark.parametrize(
    ("when", "told"),
    [('schedule: "H 3 * * *"', True), ("{every: 1h, anchor: 2026-01-01T00:00:00Z, jitter: 5m}", True),
     ('schedule: "0 3 * * THU"', False)],
)  # fmt: skip
def test_a_name_that_the_server_will_make_is_noted(when: str, told: bool) -> None:
    """H and jitter come from the whole name: what is shown is not what will be."""
    text = job(when=when).replace("  name: report", "  generateName: report-")
    if when.startswith("{"):
        text = text.replace(when, "\n  ".join(when.strip("{}").split(", ")))
    (found,) = data("-", "-n", "1", stdin=text)

    assert bool(found["notes"]) is told
    assert not told or found["notes"][0].startswith("H and jitter will be others: the API server adds to generateName")


def test_an_interval_counts_from_a_whole_second_and_first_runs_an_interval_later() -> None:
    """As in the cluster: nothing is due at the creation itself, which the preview showed as the first run."""
    lines = table("--every", "90s", "--from", "2026-12-24T00:00:00.250Z", "-n", "2")

    assert lines[0] == "default/preview: every 1m30s"
    assert [line.split()[-1] for line in lines[3:]] == ["00:01:31", "00:03:01"]


def test_an_anchor_is_an_instant_of_its_own() -> None:
    lines = table("--every", "90s", "--anchor", "2026-12-24T00:00:00Z", "--from", "2026-12-24T00:00:00Z", "-n", "2")

    assert [line.split()[-1] for line in lines[2:]] == ["00:00:00", "00:01:30"]


def test_a_job_that_runs_only_when_asked() -> None:
    lines = table("-", stdin=job(when=""))

    assert lines == [
        "default/report: on demand", "  no run: it runs only when asked: nothing in its spec says when"
    ]  # fmt: skip


def test_a_job_that_cannot_be_used_does_not_hide_the_others() -> None:
    answer = preview("-", "-n", "1", stdin=f"{job('bad', 'schedule: 61 * * * *')}---\n{job('good')}")

    assert answer.exit_code == 1
    assert answer.stderr.startswith("<stdin>:7: spec.schedule: ")
    assert answer.stdout.startswith("default/good: ")


def test_a_file_without_jobs_says_so() -> None:
    answer = preview("-", stdin="a: 1\n")

    assert (answer.exit_code, answer.stderr) == (1, "no ScheduledJob in -\n")


def test_event_handlers_beside_jobs_are_left_alone() -> None:
    handler = "apiVersion: kronstream.dev/v1\nkind: EventHandler\nmetadata: {name: a}\nspec: {event: a}\n"

    answer = preview("-", stdin=handler)

    assert (answer.exit_code, answer.stdout, answer.stderr) == (1, "", "no ScheduledJob in -\n")


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ([], "write files or options like --schedule, one of the two"),
        (["--schedule", "@daily", str(ROOT / "examples")], "write files or options like --schedule, one of the two"),
        (["--schedule", "61 * * * *"], "spec.schedule"),
        (["--schedule", "@daily", "--every", "5s"], "spec: says more than one time (schedules and every)"),
        (["--schedule", "@daily", "--time-zone", "Europe/Berln"], "spec.timeZone: "),
        (["--schedule", "@daily", "--from", "tomorrow"], "'tomorrow' is neither an instant nor a day; write 2026-"),
        ([str(ROOT / "examples"), "--from", "tomorrow"], "'tomorrow' is neither an instant nor a day; write 2026-"),
        (["--schedule", "@daily", "--from", "2026-02-30"], "'2026-02-30' is neither an instant nor a day"),
        (["--schedule", "@daily", "-n", "0"], "Invalid value for '-n'"),
        (["no/such/file"], "does not exist"),
    ],
)
def test_mistakes_of_the_caller(arguments: list[str], fault: str) -> None:
    answer = preview(*arguments)

    assert answer.exit_code == 2
    assert fault in answer.stderr
    assert answer.stdout == ""


@pytest.mark.parametrize(
    ("start", "first"),
    [
        ("2026-06-01", "2026-05-31T22:00:00Z"),
        ("2026-06-01T00:30", "2026-05-31T22:30:00Z"),
        ("2026-12-01", "2026-11-30T23:00:00Z"),
        ("2026-12-01T00:00:00Z", "2026-12-01T00:00:00Z"),
        ("2026-12-01T00:00:01Z", "2026-12-01T00:30:00Z"),
    ],
)
def test_from_is_a_day_of_the_zone_and_counts_itself(start: str, first: str) -> None:
    (found,) = data("--schedule", "*/30 * * * *", *BERLIN, "--from", start, "-n", "1")

    assert found["runs"][0]["nominal"] == first


def test_on_a_terminal_it_is_coloured() -> None:
    ours, theirs = pty.openpty()
    words = [
        "preview",
        "--schedule",
        "30 2 * * *",
        *BERLIN,
        "--from",
        "2027-03-28",
        "-n",
        "2",
        "--exclude",
        "2027-03-29",
    ]
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "140"}
    environment.pop("NO_COLOR", None)
    with subprocess.Popen(
        [Path(sys.executable).parent / "kronstream", *words], stdout=theirs, env=environment
    ) as child:
        os.close(theirs)
        seen = b""
        while select.select([ours], [], [], 30)[0]:
            try:
                seen += os.read(ours, 4096)
            except OSError:  # how a terminal ends
                break
    os.close(ours)

    assert child.returncode == 0
    text = seen.decode()
    assert "\x1b[1mdefault/preview" in text
    assert "\x1b[33mclocks go forward: 02:30 does not exist, runs at 03:00" in text
    assert re.search(r"\x1b\[2mskipped: excluded by 2027-03-29", text)


def test_a_pipe_needs_no_rich() -> None:
    script = (
        "import sys; from kronstream.cli.main import main;"
        "main(['preview', '--schedule', '@daily', '-n', '1'], standalone_mode=False)"
    )
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", script], capture_output=True, text=True, check=True
    )

    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert not loaded & {"rich", "kopf", "kubernetes", "redis", "cel_expr_python"}


def test_the_readme_shows_what_it_prints() -> None:
    shown = (ROOT / "README.md").read_text()
    command = re.search(r"^\$ kronstream preview (.*)$", shown, re.MULTILINE)
    assert command is not None

    assert "\n".join(table(*shlex.split(command[1]))) in shown
