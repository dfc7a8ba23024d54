"""What `kronstream dev` shows: its own lines, and those of the components under their names."""

from typing import TextIO

import click

COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "bright_cyan", "bright_magenta", "bright_green")
NAME_WIDTH = 12


class Console:
    """Lines to a terminal, coloured by component, or plain ones to anything else."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._coloured = stream.isatty()
        self._colours: dict[str, str] = {}

    def say(self, text: str = "") -> None:
        """A line of `kronstream dev` itself."""
        print(text, file=self._stream, flush=True)

    def component(self, name: str, line: str) -> None:
        """A line of a component's log."""
        label = f"{name:<{NAME_WIDTH}}"
        self.say(f"{self.paint(label, self._colour(name))} {line}")

    def paint(self, text: str, colour: str) -> str:
        """`text` in a colour where colours are shown."""
        return click.style(text, fg=colour) if self._coloured else text

    def _colour(self, name: str) -> str:
        return self._colours.setdefault(name, COLOURS[len(self._colours) % len(COLOURS)])
