"""Exit codes of the commands that ask the API, and what they end with."""

from __future__ import annotations

from enum import IntEnum

import click


class Exit(IntEnum):
    """What a shell is told."""

    OK = 0
    FAILED = 1
    """It was refused, or a run that was waited for did not succeed."""
    USAGE = 2
    """The command line cannot be used (click's own)."""
    NOT_FOUND = 3
    UNREACHABLE = 4
    """The API does not answer, or what it needs is away."""
    DENIED = 5
    """It is not known who calls, or a right is missing."""
    TIMEOUT = 6
    """What was waited for took longer than --timeout."""


EXITS = (
    "Exit codes: 0 it was done, 1 it was refused or failed, 2 the command line cannot be used, 3 there is no such "
    "thing, 4 the API cannot be reached, 5 a right is missing, 6 waiting took too long."
)


class Failure(click.ClickException):
    """Ends a command with a line and an exit code; `about` is what the caller named that is at fault, or ''."""

    def __init__(self, code: Exit, message: str, about: str = "") -> None:
        super().__init__(visible(message))
        self.about = about
        self.exit_code = code  # type: ignore[misc]  # click has it once for a class


def visible(text: str) -> str:
    """A text in one line, without what would steer a terminal."""
    return "".join(char if char.isprintable() else " " for char in text)
