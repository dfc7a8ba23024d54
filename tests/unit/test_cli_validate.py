"""`kronstream validate`: what it finds in files, where, and what it answers a pipeline."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

import bad_handlers
from bad_specs import BEYOND, BOUNDED, JUDGED, WORDED
from kronstream.cli.documents import MAX_VALUES, Unreadable, read
from kronstream.cli.main import main
from kronstream.domain.errors import Invalid
from kronstream.resources import judge_handler, parse_handler_spec, parse_spec
from kronstream.resources.judged import judge

ROOT = Path(__file__).parents[2]
HEAD = "apiVersion: kronstream.dev/v1\nkind: ScheduledJob\nmetadata:\n  name: report\n"
GOOD = HEAD + 'spec:\n  schedule: "0 2 * * *"\n  handler:\n    function:\n      name: echo\n'
HANDLER = (
    "apiVersion: kronstream.dev/v1\nkind: EventHandler\nmetadata:\n  name: cleanup\n"
    "spec:\n  event: workflow.completed\n  action:\n    runJob:\n      name: report\n"
)
OTHER = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: other\n"


def validate(*arguments: str | Path, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, ["validate", *map(str, arguments)], input=stdin)


def findings(text: str, *options: str) -> list[str]:
    """The findings of a text, as lines without the file's name."""
    return [line.removeprefix("<stdin>:") for line in validate("-", *options, stdin=text).stdout.splitlines()]


def spec(*lines: str) -> str:
    return GOOD + "".join(f"  {line}\n" for line in lines)


def test_a_good_file() -> None:
    answer = validate("-", stdin=GOOD)

    assert (answer.exit_code, answer.stdout) == (0, "")
    assert answer.stderr == "1 job in 1 file: 0 errors, 0 warnings; 0 other objects ignored\n"


def test_the_examples_are_good() -> None:
    answer = validate(ROOT / "examples")

    assert (answer.exit_code, answer.stdout) == (0, "")


@pytest.mark.parametrize(
    ("lines", "finding"),
    [
        (["scheduel: x"], "10: spec.scheduel: is not a field; write schedule"),
        (["retry:", "  limit: 3", "  backof: {}"], "12: spec.retry.backof: is not a field; write backoff"),
        (["retry: {limit: 300}"], "10: spec.retry.limit: 300 is too large; write at most 100"),
        (["tags:", "- a", "- b", "- a"], "13: spec.tags[2]: 'a' is there already; write each once"),
        (["timeout: 5"], "10: spec.timeout: 5 is not a duration from 100ms to 7d; write a duration from "),
        (["jitter: 1d", "notAfter: Christmas"], "11: spec.notAfter: 'Christmas' is not an instant"),
        (["concurrencyGroup: {name: a, mx: 1}"], "10: spec.concurrencyGroup.mx: is not a field; write max"),
        (["every: 5s"], "5: spec: says more than one time (schedule and every); keep one of "),
        (["schedules: [0 1 * * *]"], "5: spec: says more than one time (schedule and schedules); keep one of "),
        (["timeZone: Europe/Berln"], "10: spec.timeZone: "),
        (['runIf: last.statuz == "failed"'], "10: spec.runIf: 'last.statuz' is not known; write last.status"),
        (["exclude:", "- 2026-12-24", "- 2026-12-24/2026-12-01"], "12: spec.exclude[1]: "),
        (["notBefore: 2026-12-24T18:00:00Z", "notAfter: 2026-12-24T17:00:00Z"], "11: spec.notAfter: "),
        (["suspend: true", "suspend: false"], "11: spec.suspend: is there twice; the last one would count: keep one"),
        (["payload:", "  a: 1", "  a: 2"], "12: spec.payload.a: is there twice; the last one would count: keep one"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_line(lines: list[str], finding: str) -> None:
    (found,) = findings(spec(*lines))

    assert found.startswith(finding)


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        (GOOD.replace("name: report", "label: {}"), "3: metadata.name: is missing; write a name"),
        (GOOD.replace("name: report", "name: 5"), "4: metadata.name: 5 is not a text; write a name"),
        (GOOD.replace("name: report", "name: Report"), "4: metadata.name: 'Report' names no object; write lower-case"),
        (GOOD.replace("name: report", f"name: {'a' * 254}"), "4: metadata.name: 'aaa"),
        (GOOD.replace("\n  name: report\n", " x\n"), "3: metadata: is not an object; write name below it"),
        (GOOD.replace("metadata:\n  name: report\n", ""), "1: metadata: is missing; write name below it"),
        (GOOD.replace("kind: ScheduledJob", "kind: ScheduleJob"), "2: kind: 'ScheduleJob' is not known; write "),
        (GOOD.replace("kind: ScheduledJob\n", ""), "1: kind: is missing; write one of "),
        (GOOD.replace("/v1", "/v2"), "1: apiVersion: 'kronstream.dev/v2' is not known; write kronstream.dev/v1"),
        (GOOD.replace("ScheduledJob", "[a]"), "2: kind: ['a'] is not known; write one of "),
        (GOOD.replace("name: report", "name: report\n  namespace: 5"), "5: metadata.namespace: 5 is not a text"),
        (GOOD + "sepc: {}\n", "10: sepc: is not a field; write spec"),
        (HEAD, "1: spec: is missing; write handler "),
        (HEAD + "spec: 5\n", "5: spec: is not an object; write handler "),
        (GOOD + "a: [\n", "11: is not YAML: while parsing a flow node expected the node content, but found"),
    ],
)
def test_a_fault_outside_of_the_spec(text: str, finding: str) -> None:
    (found,) = findings(text)

    assert found.startswith(finding)


def test_all_that_a_good_job_may_say() -> None:
    assert findings(spec('runIf: last.status != "failed"', "jitter: 5m", "exclude: [2026-12-24]")) == []


@pytest.mark.parametrize("stamp", ["2020-01-01T00:00:00Z", "yesterday", "null"])
def test_what_the_cluster_serves_can_be_checked(stamp: str) -> None:
    text = GOOD.replace("name: report", f"name: report\n  creationTimestamp: {stamp}") + "status: {seq: 5}\n"

    assert findings(text) == []


def test_a_generated_name_will_do() -> None:
    assert findings(GOOD.replace("name: report", "generateName: report-")) == []


def test_every_fault_of_every_document_is_told_in_order() -> None:
    bad = HEAD + 'spec:\n  handler: {function: {name: echo}}\n  suspnd: true\n  tags: 5\n  schedule: "61 * * * *"\n'

    found = findings(f"{bad}---\n{GOOD}---\n{bad}")

    lines = [int(line.split(":")[0]) for line in found]
    assert lines == sorted(lines)
    assert [line.split(":")[1].strip() for line in found] == 2 * ["spec.suspnd", "spec.tags"]


def test_the_schedule_is_judged_beside_a_misspelt_field() -> None:
    found = findings(spec("suspnd: true").replace("0 2 * * *", "61 2 * * *"))

    assert [line.split(":")[1].strip() for line in found] == ["spec.schedule", "spec.suspnd"]


BAD = WORDED | BOUNDED | BEYOND | JUDGED


@pytest.mark.parametrize("name", BAD)
def test_the_words_are_the_operators(name: str) -> None:
    bad = BAD[name][0]
    document = {**yaml.safe_load(HEAD), "spec": bad}
    document["metadata"]["creationTimestamp"] = "2026-11-23T17:25:07Z"
    with pytest.raises(Invalid) as said:
        judge(parse_spec(bad), 1_795_454_707_000, "default/report")

    found = findings(yaml.safe_dump(document, width=2_000, allow_unicode=True))

    assert str(said.value) in [line.partition(": ")[2] for line in found]


BAD_HANDLERS = bad_handlers.WORDED | bad_handlers.BOUNDED | bad_handlers.BEYOND | bad_handlers.JUDGED


@pytest.mark.parametrize("name", BAD_HANDLERS)
def test_the_words_about_an_event_handler_are_the_operators(name: str) -> None:
    bad = BAD_HANDLERS[name][0]
    with pytest.raises(Invalid) as said:
        judge_handler(parse_handler_spec(bad))

    found = findings(yaml.safe_dump({**yaml.safe_load(HANDLER), "spec": bad}, width=2_000, allow_unicode=True))

    assert str(said.value) in [line.partition(": ")[2] for line in found]


def test_event_handlers_are_counted_beside_jobs() -> None:
    answer = validate("-", stdin=f"{GOOD}---\n{HANDLER}---\n{HANDLER}---\n{OTHER}")

    assert (answer.exit_code, answer.stdout) == (0, "")
    assert answer.stderr == ("1 job and 2 event handlers in 1 file: 0 errors, 0 warnings; 1 other object ignored\n")
    report = json.loads(validate("-", "-o", "json", stdin=f"{GOOD}---\n{HANDLER}").stdout)
    assert (report["jobs"], report["handlers"]) == (1, 1)


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        (HANDLER + "  filtre: x\n", "10: spec.filtre: is not a field; write filter"),
        (HANDLER + "  handler: {}\n", "10: spec.handler: is not a field; write one of action, debounce, dedupe, "),
        (HANDLER + "  filter: evnt.id == 'a'\n", "10: spec.filter: 'evnt.id' is not known; write event.id"),
        (HANDLER + "  rateLimit:\n    count: 5\n    per: 7d\n", "12: spec.rateLimit.per: '7d' is not a duration from "),
        (HANDLER + "      nmae: x\n", "10: spec.action.runJob.nmae: is not a field; write name"),
        (HANDLER.split("spec:", maxsplit=1)[0], "1: spec: is missing; write event and action"),
        (HANDLER.replace("EventHandler", "EventHandlr"), "2: kind: 'EventHandlr' is not known; write EventHandler"),
    ],
)  # fmt: skip
def test_a_fault_of_an_event_handler_is_told_with_its_line(text: str, finding: str) -> None:
    (found,) = findings(text)

    assert found.startswith(finding)


def test_a_jitter_longer_than_the_distance() -> None:
    (found,) = findings(spec("jitter: 2h").replace("0 2 * * *", "0 * * * *"))

    assert found.startswith("10: spec.jitter: 2h is longer than the 1h from ")


def test_a_schedule_that_never_runs_is_a_warning() -> None:
    answer = validate("-", stdin=GOOD.replace("0 2 * * *", "0 0 31 2 *"))

    assert answer.exit_code == 0
    assert answer.stdout.startswith("<stdin>:6: warning: spec.schedule: never runs; '0 0 31 2 *' ")
    assert "0 errors, 1 warning;" in answer.stderr


def test_a_job_on_demand_is_no_warning() -> None:
    assert findings(GOOD.replace('  schedule: "0 2 * * *"\n', "")) == []


def test_h_is_taken_from_the_name_that_the_job_will_have() -> None:
    """H that falls on the 31st never meets a month of 30 days: a warning for some namespaces and not for others."""
    text = GOOD.replace("0 2 * * *", "0 0 H(30-31) 4 *")

    answers = {findings(text, "--namespace", f"team-{number}") == [] for number in range(20)}

    assert answers == {True, False}


def test_other_objects_are_counted_and_left_alone() -> None:
    answer = validate("-", stdin=f"{OTHER}---\n{GOOD}---\n# nothing\n---\njust text\n")

    assert answer.exit_code == 0
    assert answer.stderr == "1 job in 1 file: 0 errors, 0 warnings; 2 other objects ignored\n"


def test_the_items_of_a_list_are_judged() -> None:
    items = "".join(f"- {part.replace(chr(10), chr(10) + '  ').rstrip()}\n" for part in (OTHER, spec("suspnd: 1")))

    answer = validate("-", stdin=f"apiVersion: v1\nkind: List\nitems:\n{items}")

    assert answer.stdout == "<stdin>:17: spec.suspnd: is not a field; write suspend\n"
    assert answer.stderr.startswith("1 job in 1 file: 1 error, 0 warnings; 1 other object ignored")


def test_folders_are_searched(tmp_path: Path) -> None:
    for name in ("a.yaml", "deep/b.yml", "deep/deeper/c.json", ".git/d.yaml", "e.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            json.dumps(yaml.safe_load(spec("suspnd: true")), indent="\t") if "json" in name else spec("suspnd: 1")
        )
    (tmp_path / "template.yaml").write_text("{{ if .Values.on }}\na: {{ b }}\n---\nc: {{ d }}\n")

    answer = validate(tmp_path)

    assert [line.removeprefix(f"{tmp_path}/").split(":")[:2] for line in answer.stdout.splitlines()] == [
        ["a.yaml", "10"], ["deep/b.yml", "10"], ["deep/deeper/c.json", "14"],
    ]  # fmt: skip
    assert answer.exit_code == 1
    assert answer.stderr == "3 jobs in 4 files: 3 errors, 0 warnings; 2 other objects ignored\n"


def test_a_file_that_is_not_there_is_a_mistake_of_the_caller() -> None:
    answer = validate("no/such/file.yaml")

    assert answer.exit_code == 2
    assert "does not exist" in answer.stderr


def test_no_file_at_all_is_a_mistake_of_the_caller() -> None:
    assert validate().exit_code == 2


def test_a_file_that_cannot_be_read_does_not_hide_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to("nowhere")
    (tmp_path / "b.yaml").write_text(spec("suspnd: 1"))

    answer = validate(tmp_path)

    assert answer.exit_code == 2
    assert f"{tmp_path}/a.yaml: No such file or directory\n" in answer.stderr
    assert ":10: spec.suspnd:" in answer.stdout


def test_json_for_programs() -> None:
    answer = validate("-", "-o", "json", stdin=f"{OTHER}---\n{spec('suspnd: 1')}")

    assert answer.exit_code == 1
    assert json.loads(answer.stdout) == {
        "files": 1,
        "jobs": 1,
        "handlers": 0,
        "errors": 1,
        "warnings": 0,
        "ignored": 1,
        "unread": [],
        "findings": [
            {
                "file": "<stdin>",
                "line": 15,
                "severity": "error",
                "field": "spec.suspnd",
                "message": "is not a field; write suspend",
            }
        ],
    }


def test_the_hook_is_one_that_pre_commit_takes(tmp_path: Path) -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert [hook["id"] for hook in hooks] == ["kronstream-validate"]
    (tmp_path / "bad.yaml").write_text(spec("suspnd: 1"))
    words = hooks[0]["entry"].split()

    done = subprocess.run(
        [Path(sys.executable).parent / words[0], *words[1:], "bad.yaml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stdout == "bad.yaml:10: spec.suspnd: is not a field; write suspend\n"


def values(text: str) -> list[object]:
    return [document.value for document in read(text)]


def test_values_are_read_as_kubectl_reads_them() -> None:
    """A plain time is a text, 12:30 is not 750, keys are texts."""
    text = "a: 2026-12-24T18:00:00Z\nb: 2026-12-24\nc: 12:30\nd: 1e3\ne: 017\nf: 0x1f\ng: yes\n1: x\non: y\n~: z\n"

    assert values(text) == [
        {"a": "2026-12-24T18:00:00Z", "b": "2026-12-24", "c": "12:30", "d": 1000.0, "e": 15, "f": 31, "g": True}
        | {"1": "x", "true": "y", "null": "z"}
    ]  # fmt: skip


def test_a_merged_field_has_the_line_where_it_is_written() -> None:
    (document,) = read("base: &base\n  a: 1\n  b: 2\nspec:\n  <<: *base\n  b: 3\nlist:\n  <<: [*base, {c: 4}]\n")

    assert document.value["spec"] == {"a": 1, "b": 3}
    assert document.line("spec.b") == 6
    assert document.line("list.c") == 8
    assert document.line("spec.nowhere.deep[3]") == 4
    assert document.doubled == ()


BOMB = "0: &x0 [1, 1]\n" + "".join(f"{n}: &x{n} [{f'*x{n - 1}, ' * 9}]\n" for n in range(1, 20))


@pytest.mark.parametrize(
    ("text", "line", "fault"),
    [
        ("a: 1\nb: [", 2, "is not YAML: while parsing a flow node"),
        ("a: 1\n? [a]\n: 2\n", 2, "is not YAML: found a key that is not a text"),
        ("a: !!python/object:os.system x", 1, "is not YAML: could not determine a constructor"),
        ("a: \x01", 1, "is not YAML: unacceptable character #x0001"),
        ("[" * 5_000, 1, "is nested too deeply, or holds itself"),
        ("a: &a [*a]", 1, "is nested too deeply, or holds itself"),
        (BOMB, 1, f"a document with more than {MAX_VALUES} values is no manifest"),
    ],
    ids=["open", "key", "tag", "control", "deep", "loop", "bomb"],
)  # fmt: skip
def test_what_is_no_manifest(text: str, line: int, fault: str) -> None:
    with pytest.raises(Unreadable) as refused:
        values(text)

    assert refused.value.line == line
    assert refused.value.fault.startswith(fault)
