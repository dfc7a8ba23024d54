"""Completion: the script of a shell, and the answers to kubectl, which asks its plugins."""

from __future__ import annotations

import sys

import click

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_{}_COMPLETE"
NO_FILES = ":4"
"""The directive of cobra by which kubectl's completion offers no file names."""


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print what completes commands, options and names of jobs in SHELL.

    In bash: `source <(kronstream completion bash)`. `kubectl kronstream` is completed by kubectl's own completion,
    which calls kubectl_complete-kronstream.
    """
    from click.shell_completion import get_completion_class

    from kronstream.cli.main import main

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(main, {}, "kronstream", VARIABLE.format("KRONSTREAM")).source())


def kubectl() -> None:
    """`kubectl_complete-kronstream`: kubectl gives the words, of which the last is the one to complete."""
    from click.shell_completion import ShellComplete

    from kronstream.cli.main import main

    *words, begun = sys.argv[1:] or [""]
    asked = ShellComplete(main, {}, "kubectl kronstream", VARIABLE.format("KUBECTL_KRONSTREAM"))
    for item in asked.get_completions(words, begun):
        click.echo(f"{item.value}\t{item.help}" if item.help else item.value)
    click.echo(NO_FILES)
