"""Each command of the pages for administrators is run by a test; none is only written down."""

import pytest

from unit import pagecommands
from unit.docpage import ROOT
from unit.pagecommands import ALL, NAMED, PAGES, RULES, WORKFLOW, Command, claimed, fits, inline, runner

RUNNERS = sorted({found for *_, found in RULES})


def held(words: list[str], text: str) -> bool:
    """Whether the words come in this order in a command."""
    rest = iter(text.split())
    return all(word in rest for word in words)


def test_the_pages_are_read_whole() -> None:
    assert len(PAGES) > 20
    assert len(ALL) > 100
    text = "Type `kubectl get\npods`, or ``make `x` ``; `kubectl` is a word.\n```sh\nmake no\n```\n## B\n`make b`"
    found = [(one.text, one.heading) for one in inline(text, "page")]
    assert found == [("kubectl get pods", ""), ("make `x`", ""), ("make b", "B")]


@pytest.mark.parametrize("command", ALL, ids=lambda one: f"{one.page}: {one.text.splitlines()[0][:60]}")
def test_a_command_is_run(command: Command) -> None:
    assert runner(command) is not None, f"{command} is run by no test: run it, and say in RULES which one does"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule[0]}, {rule[1]}: {rule[2]}")
def test_a_rule_is_needed(rule: tuple[str, str, str, str]) -> None:
    assert [one for one in claimed(rule[3]) if fits(rule, one)]


@pytest.mark.parametrize("path", [one for one in RUNNERS if one.endswith(".py")])
def test_what_is_to_run_commands_takes_them_from_the_pages(path: str) -> None:
    name = next(name for name, value in vars(pagecommands).items() if value == path)
    text = (ROOT / path).read_text("utf-8")
    assert "from unit.pagecommands import " in text
    assert f"claimed({name})" in text


def test_what_is_only_named_is_part_of_a_command_that_is_run() -> None:
    run = [one.text for one in ALL if runner(one) != NAMED]
    for command in claimed(NAMED):
        assert any(held(command.text.split(), text) for text in run), command


def test_the_workflow_runs_what_it_is_to_run() -> None:
    lines = (ROOT / WORKFLOW).read_text("utf-8").replace("kronstream:ci", "kronstream:0.1.0").splitlines()
    for command in claimed(WORKFLOW):
        for line in command.text.splitlines():
            assert any(held(line.split(), found) for found in lines), line
