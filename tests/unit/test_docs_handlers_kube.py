"""docs/handlers-job.md and docs/handlers-workflow-resource.md say what the program does."""

import re
from pathlib import Path
from typing import Any

import pytest

from kronstream.domain import duration, judgement
from kronstream.domain.judgement import shown
from kronstream.ports import bounds
from kronstream.resources import parse_spec
from kronstream.resources.batchjob import BatchJob, DeleteAfter
from kronstream.resources.template import MAX_BYTES
from kronstream.resources.workflow import WorkflowResource
from kronstream.settings import TypeSettings, resource_kinds
from kronstream.worker.kube import ending, marks, workflow
from kronstream.worker.kube.manifest import SPARE, environment, job_manifest
from unit import docpage, docparts, docruns
from unit.docpage import ROOT, Block, Table, code
from unit.fakequeue import claim

JOB, RESOURCE = ROOT / "docs" / "handlers-job.md", ROOT / "docs" / "handlers-workflow-resource.md"
SOURCES = ROOT / "operator" / "kronstream" / "worker" / "kube"
PAGES = {JOB: JOB.read_text("utf-8"), RESOURCE: RESOURCE.read_text("utf-8")}
YAML = [(path, block) for path in PAGES for block in docpage.blocks(path) if block.language == "yaml"]


def table(path: Path, *columns: str) -> Table:
    (found,) = [one for one in docpage.tables(path) if one.columns == columns]
    return found


def codes(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def said(path: Path) -> set[str]:
    """The types of failures that a page tells of."""
    rows = next(one for one in docpage.tables(path) if one.columns[0] == "type").rows
    return {name for row in rows for name in codes(row[0])}


def raised(*files: str) -> set[str]:
    """The types of failures that sources name."""
    text = "".join((SOURCES / file).read_text("utf-8") for file in files)
    return set(re.findall(r'(?:Fault|End)\(\s*"(\w+)"', text)) - {"Lost"}  # its outcome is taken by nobody


@pytest.mark.parametrize(("path", "block"), YAML, ids=[f"{path.stem}-{block.line}" for path, block in YAML])
def test_an_example_is_a_job_that_the_operator_takes(path: Path, block: Block) -> None:
    spec: dict[str, Any] = docruns.fields(block.text)
    docparts.good([docruns.around(spec)])


def test_the_pages_are_read_whole() -> None:
    assert [path for path, _ in YAML] == [JOB, JOB, RESOURCE, RESOURCE]


def test_every_failure_of_a_job_is_told() -> None:
    own = raised("job.py", "ending.py", "asking.py", "elsewhere.py") | {"Invalid", "Refused", "ContainerCannotRun"}
    told = said(JOB)
    assert own <= told
    assert told - own <= ending.STUCK | {"StartError"}


def test_every_failure_of_a_resource_is_told() -> None:
    assert said(RESOURCE) == raised("workflow.py", "verdict.py", "asking.py", "elsewhere.py") | {"Invalid", "Refused"}


def test_codes_of_failures_are_the_programs() -> None:
    told = {name: codes(row[1]) for row in table(JOB, "type", "codes", "what happened").rows for name in codes(row[0])}
    failed = {"metadata": {"name": "j"}, "status": {"conditions": [{"type": "Failed", "status": "True"}]}}

    def end(code: int, reason: str = "Error") -> ending.End:
        state = {"terminated": {"exitCode": code, "reason": reason}}
        status = {"phase": "Failed", "containerStatuses": [{"name": "a", "state": state}]}
        return ending.judge(failed, [{"metadata": {"name": "p"}, "spec": {}, "status": status}])

    for name, found in (
        ("ExitCode", end(3)),
        ("OOMKilled", end(137, "OOMKilled")),
        ("StartError", end(128, "StartError")),
    ):
        assert (found.kind, list(found.codes)) == (name, told[name])


def test_what_is_filled_in() -> None:
    filled = {code(row[0]) for row in table(JOB, "field", "when it is not written").rows}
    spec = {"template": {"spec": {"containers": [{"name": "a", "image": "b"}]}}}
    made = job_manifest(claim("@job"), BatchJob.model_validate({"template": {"spec": spec}}))["spec"]
    inside = made["template"]["spec"]
    found = {f"spec.{name}" for name in made} | {f"spec.template.spec.{name}" for name in inside}
    given = {"spec.template", "spec.template.spec.containers"}
    assert found - given | {"spec.template.spec.serviceAccountName"} == filled
    assert f"the `timeout` and {SPARE} s" in PAGES[JOB]


def test_what_the_containers_are_told() -> None:
    told = [code(row[0]) for row in table(JOB, "variable", "holds").rows]
    assert sorted(told) == sorted(variable["name"] for variable in environment(claim("@job")))


@pytest.mark.parametrize("row", table(RESOURCE, "write", "true when").rows, ids=lambda row: row[0])
def test_an_expression_can_be_written(row: tuple[str, ...]) -> None:
    text = code(row[0].replace("\\|", "|"))
    expression = judgement.compile(text)
    assert expression.holds(shown({})) is False
    done = {
        "metadata": {"generation": 3},
        "status": {
            "phase": "Failed" if "Failed" in text else "Succeeded",
            "completionTime": "2026-11-28T10:00:00Z",
            "conditions": [{"type": "Ready", "status": "True"}],
            "observedGeneration": 3,
            "ready": True,
        },
    }
    assert expression.holds(shown(done)) is True


@pytest.mark.parametrize("name", ["map", "filter", "matches"])
def test_what_there_is_not_in_cel(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name!r} cannot be used"):
        judgement.compile(f"object.a.{name}(x, x) == 1" if name != "matches" else 'object.a.matches("x")')


def test_figures_are_the_programs() -> None:
    kept, settings = DeleteAfter(), TypeSettings()
    job, resource = PAGES[JOB], PAGES[RESOURCE]
    assert f"{duration.render(kept.succeeded_ms)} after a success, {duration.render(kept.failed_ms)} after a" in job
    assert f"has not started for {duration.render(settings.job_patience)} (`KRONSTREAM_JOB_PATIENCE`" in job
    assert f"how many lines of it ({BatchJob.model_fields['log_tail'].default}), of which" in job
    assert f"of which {bounds.OUTPUT // 1024} KiB are kept" in job
    assert f"{judgement.MAX_LENGTH:,} characters" in resource
    assert f"Expressions see {judgement.MAX_BYTES // 1024} KiB" in resource
    assert (workflow.FIRST, workflow.LONGEST) == (0.5, 5.0)
    for page in PAGES.values():
        assert f"at most {MAX_BYTES // 1024} KiB" in page
    assert f"one of more than {bounds.RESULT // 1024} KiB is left out" in resource
    assert WorkflowResource.model_fields["cleanup"].default == "Never"


def test_names_are_the_programs() -> None:
    for name in (marks.RUN, marks.JOB, marks.NOMINAL, marks.ATTEMPT):
        assert f"`{name}`" in PAGES[JOB]
    (kinds,) = re.findall(r"`(workflows\.argoproj[^`]+,[^`]+)`", PAGES[RESOURCE])
    assert resource_kinds(kinds) == ("workflows.argoproj.io/v1alpha1", "pipelineruns.tekton.dev/v1")
    for path in re.findall(r"`((?:tests|deploy)/[a-z_/.-]+)`", "".join(PAGES.values())):
        assert (ROOT / path).exists()
    assert parse_spec(docruns.fields(YAML[0][1].text)).handler.offered == "@job"
