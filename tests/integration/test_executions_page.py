"""Every command and object of docs/kubectl-executions.md, on a real API server."""

import shlex
from collections.abc import Iterator

import pytest
import yaml

from eventually import eventually
from integration.executions import Served
from integration.objects import scheduled
from kronstream.dev.controlplane import ControlPlane
from unit import docpage

PAGE = docpage.ROOT / "docs" / "kubectl-executions.md"
BLOCKS = docpage.blocks(PAGE)
COMMANDS = [
    (block.line + number, line.removeprefix("$ "), block.lines[number + 1 : number + 2])
    for block in BLOCKS
    if block.language == "console"
    for number, line in enumerate(block.lines)
    if line.startswith("$ ")
]
OBJECTS = [block for block in BLOCKS if block.language == "yaml" and block.heading != "Install"]


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with ControlPlane(aggregation=True) as plane, Served(plane) as served:
        yield served


@pytest.fixture(scope="module")
def names(served: Served) -> dict[str, str]:
    """What the page's variables stand for: a run that went well, and one that nobody executes."""
    served.installation.apply(scheduled("report", payload={"day": 1}), scheduled("waiting", queue="nobody"))
    good = served.run("default", "report")
    unfinished = served.run("default", "waiting")
    served.kubectl("wait", "--for=condition=Finished", f"execution/{good}", "--timeout=20s")
    return {"$RUN": good, "$GOOD": good, "$UNFINISHED": unfinished}


def filled(text: str, names: dict[str, str]) -> str:
    for name, value in names.items():
        text = text.replace(name, value)
    return text


def test_the_page_has_commands_and_objects() -> None:
    assert len(COMMANDS) >= 14
    assert len(OBJECTS) == 3


@pytest.mark.parametrize(("line", "command", "answer"), COMMANDS, ids=[f"line {line}" for line, _, _ in COMMANDS])
def test_a_command(served: Served, names: dict[str, str], line: int, command: str, answer: tuple[str, ...]) -> None:
    program, *arguments = shlex.split(filled(command, names))
    assert program == "kubectl"
    said = served.explain(*arguments[1:]) if arguments[0] == "explain" else served.kubectl(*arguments)
    if answer and not answer[0].startswith("$"):
        assert said.splitlines()[0].split() == answer[0].split()


@pytest.mark.parametrize("block", OBJECTS, ids=lambda block: f"line {block.line}")
def test_an_object(served: Served, names: dict[str, str], block: docpage.Block) -> None:
    text = filled(block.text, names)
    made = served.kubectl("create", "-o", "name", "-f", "-", stdin=text).strip().partition("/")[2]
    served.kubectl("wait", "--for=condition=Succeeded", f"execution/{made}", "--timeout=20s")
    (found,) = served.executions("--field-selector", f"metadata.name={made}")
    spec = yaml.safe_load(text)["spec"]
    if spec.get("mergePayload"):
        assert found["status"]["result"] == {"day": 1, **spec["payload"]}
    else:
        assert found["spec"].get("retryOf") == spec.get("retryOf")


def test_what_was_cancelled_stays(served: Served, names: dict[str, str]) -> None:
    served.installation.apply(scheduled("waiting", queue="nobody"))
    name = served.run("default", "waiting")
    served.kubectl("delete", "execution", name)
    eventually(
        lambda: served.executions("--field-selector", f"metadata.name={name}")[0]["status"]["state"] == "cancelled"
    )


def test_the_states_and_labels_that_it_tells() -> None:
    states, labels, _ = docpage.tables(PAGE)
    from kronstream.domain.run import State
    from kronstream.runsapi.names import JOB, JOB_UID, STATUS, TRIGGER

    assert [docpage.code(row[0]) for row in states.rows] == [state.value for state in State]
    assert [docpage.code(row[0]) for row in labels.rows] == [JOB, JOB_UID, STATUS, TRIGGER]
