"""docs/access-rights.md: its tables are the program's, its examples are applied for real and allow what it says."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator

import click
import pytest
import yaml

from eventually import eventually
from integration.calls import Calls, problem
from integration.installation import Installation
from integration.objects import handling
from integration.rights import CALLS, Desk, may
from kronstream.api.app import routed
from kronstream.api.gate import BASE
from kronstream.api.rights import Act
from kronstream.cli.main import main
from kronstream.dev.kubectl import KubectlError
from unit import docpage
from unit.docpage import ROOT, code
from unit.pagecommands import RIGHTS, claimed

PAGE = ROOT / "docs" / "access-rights.md"
ROLES = list(yaml.safe_load_all((ROOT / "deploy" / "base" / "rbac-users.yaml").read_text("utf-8")))
EXECUTIONS = list(yaml.safe_load_all((ROOT / "deploy" / "runs-apiserver" / "rbac-runs.yaml").read_text("utf-8")))
(TAKES,) = [table for table in docpage.tables(PAGE) if "calls" in table.columns]
BLOCKS = docpage.blocks(PAGE)
REVIEW = "kind: SubjectAccessReview"
# told below the table
APART = {"POST /preview", "POST /executions/{execution_id}/complete"}


def codes(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_every_right_and_every_call_is_told() -> None:
    told = {(code(row[1]), code(row[2])) for row in TAKES.rows}
    acts = {(verb, f"{resource}/{sub}" if sub else resource) for verb, resource, sub in (act.value for act in Act)}
    assert told == acts
    calls = [call for row in TAKES.rows for call in codes(row[3])]
    assert len(calls) == len(set(calls))
    known = {
        f"{method.upper()} {path.removeprefix(BASE)}"
        for path, methods in routed().openapi()["paths"].items()
        for method in methods
    }
    assert set(calls) | APART == known
    text = PAGE.read_text("utf-8")
    assert all(f"- `{call}`" in text for call in APART)


def test_every_call_is_asked_with_exactly_the_right_that_is_told() -> None:
    """What test_api_rights asks of the real cluster are the rows of the page, and all of them but the stream."""
    told = {(call, code(row[1]), code(row[2])) for row in TAKES.rows for call in codes(row[3])}
    asked = {(f"{one.method} {one.call}", *one.right) for one in CALLS}
    assert told - asked == {("GET /stream", "get", "scheduledjobs/executions")}
    assert asked <= told


def test_every_command_that_calls_the_api_is_told() -> None:
    told = {command for row in TAKES.rows for command in codes(row[4])}
    assert told == set(commands(main, ""))


def commands(group: click.Group, name: str) -> Iterator[str]:
    """The names of all commands that have the options of those that call the API."""
    context = click.Context(group)
    for word in group.list_commands(context):
        command = group.get_command(context, word)
        assert command is not None
        full = f"{name} {word}".strip()
        if isinstance(command, click.Group):
            yield from commands(command, full)
        if any(option.name == "as_account" for option in command.params):
            yield full


def test_the_roles_are_those_of_the_manifests() -> None:
    (table,) = [table for table in docpage.tables(PAGE) if table.columns[0] == "ClusterRole"]
    label = "rbac.authorization.k8s.io/aggregate-to-"
    added = {
        role["metadata"]["name"]: {name.removeprefix(label) for name in role["metadata"]["labels"] if label in name}
        for role in ROLES
    }
    assert {code(row[0]): set(codes(row[1])) for row in table.rows} == added
    (kubectl,) = [table for table in docpage.tables(PAGE) if table.heading == "kubectl"]
    verbs = {verb for row in kubectl.rows for verb in codes(row[1])}
    (edit,) = [role for role in EXECUTIONS if role["metadata"]["name"] == "kronstream-runs-edit"]
    assert verbs == set(edit["rules"][0]["verbs"])


@pytest.fixture(scope="module")
def desk(doored_installation: Installation) -> Desk:
    return Desk(doored_installation)


@pytest.fixture
def applied(doored: Installation, desk: Desk) -> Installation:
    """With the examples' objects, and the ClusterRoles that they name."""
    for block in BLOCKS:
        if block.language == "yaml" and REVIEW not in block.text:
            doored.plane.kubectl("apply", "-f", "-", stdin=block.text)
    return doored


def answered(installation: Installation, *words: str, stdin: str | None = None) -> str:
    """What kubectl says; "no" is a failure of `auth can-i`."""
    try:
        return installation.plane.kubectl(*words, stdin=stdin).strip()
    except KubectlError as error:
        return "no" if str(error).endswith(" ended with 1: ") else str(error)


def test_the_examples_allow_what_is_told(applied: Installation) -> None:
    asked, review = 0, next(block.text for block in BLOCKS if REVIEW in block.text)

    def told(words: list[str]) -> str:
        return answered(applied, *words, stdin=review if words[0] == "create" else None)

    for command in (one for one in claimed(RIGHTS) if one.kind == "console"):
        _, *words = shlex.split(command.text.replace("-f review.yaml", "-f -"))
        # the API server hears of a binding a moment later
        eventually(lambda words=words, command=command: (told(words),) == command.answer, because=str(command))
        asked += 1
    assert asked >= 12


def test_the_pipeline_sends_events_for_its_namespace_and_sees_nothing(applied: Installation, desk: Desk) -> None:
    token = applied.plane.kubectl("create", "token", "pipeline", "-n", "team-a").strip()
    asked = ("create", "eventhandlers.kronstream.dev", "--subresource=trigger", "-n", "team-a")
    eventually(lambda: may(applied.plane.kubectl, *asked, "--as", "system:serviceaccount:team-a:pipeline"))
    (block,) = [command for command in claimed(RIGHTS) if command.kind == "sh"]
    (answer,) = [block for block in BLOCKS if block.language == "json"]
    script = block.text.partition("\n")[2]
    assert block.text.startswith("TOKEN=$(kubectl create token pipeline -n team-a")
    known = {"API": applied.url("api-3"), "TOKEN": token, "PATH": "/usr/bin:/bin"}
    done = subprocess.run(["bash", "-ec", script], env=known, capture_output=True, check=True)
    assert json.loads(done.stdout) == json.loads(answer.text)
    with Calls(applied.url("api-3"), token) as caller:
        problem(caller.get("/event-handlers?namespace=team-a"), 403)
        problem(caller.get("/jobs?namespace=team-a"), 403)
        event = {"specversion": "1.0", "id": "1", "source": "/x", "type": "x"}
        kind = {"Content-Type": "application/cloudevents+json"}
        problem(caller.post("/events", json=event, headers=kind), 403)


def test_a_team_looks_and_runs_and_somebody_runs_one_job(applied: Installation, desk: Desk) -> None:
    with Calls(applied.url("api-1")) as admin:
        nightly = admin.make(name="nightly", namespace="team-a", queue="nobody", schedule="0 0 1 1 *")
        another = admin.make(name="another", namespace="team-a", queue="nobody", schedule="0 0 1 1 *")
    applied.objects.apply(handling("heard", "x.*", namespace="team-a", action={"runJob": {"name": "nightly"}}))
    with desk.bound("look-and-run") as member:
        assert member.get("/jobs?namespace=team-a").status_code == 200
        assert member.get(f"/jobs/{another['id']}/executions").status_code == 200
        assert member.get("/event-handlers?namespace=team-a").status_code == 200
        run = member.post(f"/jobs/{another['id']}/run")
        assert run.status_code == 201, run.text
        problem(member.post(f"/executions/{run.json()['execution_id']}/cancel"), 403)
        problem(member.put(f"/jobs/{another['id']}/schedule", json={"schedule": "0 1 * * *"}), 403)
        problem(member.get("/jobs?namespace=default"), 403)
    with desk.bound("run-nightly") as boris:
        assert boris.post(f"/jobs/{nightly['id']}/run").status_code == 201
        assert boris.get("/jobs/team-a:nightly").status_code == 200
        problem(boris.post(f"/jobs/{another['id']}/run"), 403)
        problem(boris.get("/jobs?namespace=team-a"), 403)


def test_who_keeps_the_scheduler(applied: Installation, desk: Desk) -> None:
    with desk.bound("kronstream-view", "kronstream-admin", cluster=True) as keeper:
        for path in ("/stats", "/workers", "/queues", "/dead-letters", "/jobs?namespace=*"):
            assert keeper.get(path).status_code == 200, path
        assert keeper.post("/queues/none/pause").status_code == 200
        assert keeper.post("/queues/none/resume").status_code == 200
        problem(keeper.delete("/dead-letters/run-1-1"), 404)
        problem(keeper.post("/jobs/cron", json={"name": "x", "schedule": "@daily", "handler_name": "x"}), 403)
    with desk.bound("kronstream-edit") as editor:
        job = editor.make(namespace="team-a")
        assert editor.post(f"/jobs/{job['id']}/run").status_code == 201
        assert editor.post(f"/jobs/{job['id']}/pause").status_code == 200
        assert editor.delete(f"/jobs/{job['id']}").status_code == 204
        problem(editor.post("/queues/none/pause"), 403)
    with desk.bound("kronstream-view") as viewer:
        assert viewer.get("/jobs?namespace=team-a").status_code == 200
        problem(viewer.post("/jobs/cron", json={"name": "x", "namespace": "team-a", "schedule": "@daily",
                                                "handler_name": "x"}), 403)  # fmt: skip
