"""Flags made from settings: what may be said again is not what was said last."""

from __future__ import annotations

from typing import Any

import click
import pytest
from click.testing import CliRunner

from kronstream.cli.options import settings_from, settings_options
from kronstream.settings import OperatorSettings, WorkerSettings


def read(kind: type[Any], field: str, *arguments: str) -> Any:
    """A field of the settings that a command with these arguments has."""
    found: list[Any] = []

    @click.command()
    @settings_options(kind)
    def command(**flags: Any) -> None:
        found.append(settings_from(kind, flags))

    result = CliRunner().invoke(command, list(arguments))
    assert result.exit_code == 0, result.output
    (settings,) = found
    for name in field.split("."):
        settings = getattr(settings, name)
    return settings


@pytest.mark.parametrize(
    ("kind", "flag", "field", "first", "second"),
    [
        (WorkerSettings, "--queue", "queue", "default=4", "reports=2"),
        (WorkerSettings, "--limits", "limits", "queue:reports=4", "function:mail:send=3+100/1m"),
        (WorkerSettings, "--handlers", "handlers", "a.py", "b.py"),
        (WorkerSettings, "--workflow-kinds", "types.workflow_kinds", "widgets.example.com/v1", "gears.example.com/v1"),
        (WorkerSettings, "--http-allow", "types.http_allow", "10.0.0.0/8", "private"),
        (OperatorSettings, "--namespaces", "namespaces", "one", "two"),
    ],
)
def test_a_flag_said_again_adds_to_what_it_said(
    kind: type[Any], flag: str, field: str, first: str, second: str
) -> None:
    both = read(kind, field, flag, first, flag, second)
    assert both == read(kind, field, flag, f"{first},{second}")
    assert both not in (read(kind, field, flag, first), read(kind, field, flag, second))


def test_every_flag_whose_help_says_so_may_be_said_again() -> None:
    for kind in (WorkerSettings, OperatorSettings):
        command: Any = settings_options(kind)(click.command()(lambda **_: None))
        for option in command.params:
            assert option.multiple == ("several: again" in option.help), option.name
