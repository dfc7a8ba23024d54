"""Commands that pages for administrators name in a sentence or a table: each is run, and does what is said of it."""

import json
import re
from collections.abc import Callable

import click
import pytest

from integration.installation import Installation
from integration.objects import scheduled
from integration.oncall import OnCall
from kronstream.cli.main import main
from unit.docpage import ROOT
from unit.pagecommands import ADMISSION, SENTENCES, claimed

COMMANDS = claimed(SENTENCES)
ACTS: dict[str, Callable[[OnCall], None]] = {}


def doing(text: str) -> Callable[[Callable[[OnCall], None]], Callable[[OnCall], None]]:
    """The function runs this command."""

    def noted(act: Callable[[OnCall], None]) -> Callable[[OnCall], None]:
        ACTS[text] = act
        return act

    return noted


@doing("kronstream doctor")
def doctor(call: OnCall) -> None:
    said = call("kronstream doctor")
    for area in ("CRDs", "RBAC", "Redis", "Clocks", "Workers", "Lag"):
        assert f" {area}: " in said
    assert "0 wrong" in said


@doing("kronstream crds | kubectl apply --server-side -f -")
def crds(call: OnCall) -> None:
    # somebody else applied them, and nobody is told that they are another's: they are the same
    said = call("kronstream crds | kubectl apply --server-side -f -")
    assert said.count(".kronstream.dev serverside-applied") == 2


@doing("kronstream webhook --help")
def webhook(call: OnCall) -> None:
    said = call("kronstream webhook --help")
    for name in ("KRONSTREAM_WEBHOOK_PORT", "KRONSTREAM_WEBHOOK_CERT", "KRONSTREAM_WEBHOOK_KEY"):
        assert name in said


@doing("kronstream validate")
def validate(call: OnCall) -> None:
    (shown,) = claimed(ADMISSION)
    said = call("kronstream validate", behind="-", given=json.dumps(scheduled("report", schedule="61 * * * *")), code=1)
    assert shown.answer[0].partition("is invalid: ")[2] in said


@doing("kronstream operator")
def parts(call: OnCall) -> None:
    """The parts are commands."""
    page = (ROOT / "docs" / "images.md").read_text("utf-8")
    first = page.partition("One image has every part of kronstream:")[2].partition(".")[0]
    told = re.findall(r"`([^`]+)`", first)
    assert len(told) == 6
    assert {words.split()[-1] for words in told} <= set(main.list_commands(click.Context(main)))
    assert "Watch ScheduledJobs" in call("kronstream operator", behind="--help")


@pytest.mark.parametrize("text", sorted({command.text for command in COMMANDS}))
def test_a_command(text: str, doored: Installation) -> None:
    call = OnCall(doored, [command for command in COMMANDS if command.text == text], None)
    ACTS[text](call)
    assert call.left == set()
