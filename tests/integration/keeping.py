"""Installations that test files share, one after the other: an idle one costs a sixth of a processor, and to start one
costs twenty seconds of it."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cache
from pathlib import Path

import pytest

from integration.installation import Installation

Maker = Callable[[], AbstractContextManager[Installation]]
ASKS = re.compile(r"^(?:@pytest\.fixture.*\ndef \w+|def test_\w+)\(([^)]*)\)", re.MULTILINE)
ORDER = ("sturdy", "installation", "routed", "doored", "managed", "site")


class Kept:
    """Installations by name. One that no file uses any more lives on as long as the test that comes next wants it."""

    def __init__(self, makers: dict[str, Maker]) -> None:
        self._makers = makers
        self._open: dict[str, tuple[Installation, ExitStack]] = {}
        self._users: dict[str, int] = dict.fromkeys(makers, 0)

    @contextmanager
    def used(self, name: str) -> Iterator[Installation]:
        """An installation for a test file, started if it is not there."""
        if name not in self._open:
            self.close(idle_only=True)
            stack = ExitStack()
            self._open[name] = (stack.enter_context(self._makers[name]()), stack)
        self._users[name] += 1
        try:
            yield self._open[name][0]
        finally:
            self._users[name] -= 1

    def close(self, *, idle_only: bool = False, wanted: frozenset[str] = frozenset()) -> None:
        """End them all, or those that nobody uses and that are not among the wanted ones."""
        for name in [name for name in self._open if not (idle_only and (self._users[name] or name in wanted))]:
            _, stack = self._open.pop(name)
            stack.close()


current: Kept | None = None
"""The installations of this process, once a test asked for one."""


def leave(following: pytest.Item) -> None:
    """A test is over: end what it alone wanted; idle, an installation takes its share of the processors."""
    if current is not None:
        current.close(idle_only=True, wanted=wants(following))


def wants(item: pytest.Item) -> frozenset[str]:
    """The installations that a test uses."""
    asked = {name.removesuffix("_installation") for name in getattr(item, "fixturenames", ())}
    return frozenset("installation" if name == "shared" else name for name in asked) & frozenset(ORDER)


def arrange(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """The same tests, files that share an installation one after the other; first those that take long, in which tests
    wait for what happens, then those that only compute."""

    files: dict[str, set[str]] = {}
    for item in items:
        files.setdefault(str(item.path), set()).update(wants(item))

    def place(item: pytest.Item) -> int:
        path, names = str(item.path), files[str(item.path)]
        if "/chaos/" in path:
            return 0
        if "/integration/" not in path:
            return len(ORDER) + 2
        return min((ORDER.index(name) + 1 for name in names), default=len(ORDER) + 1)

    return sorted(items, key=place)


@cache
def together(file: Path) -> str:
    """What tests are shared out by among processes: their file, or the installation that it wants, so that one process
    has all files of it and starts it once.

    Trials with the same site are together, too. It is told from the text, for who shares out has not imported it; a
    wrong guess costs time and nothing else.
    """
    if file.parent.name == "integration":
        wanted = {name for found in ASKS.finditer(file.read_text(encoding="utf-8")) for name in found[1].split()}
        for name in ORDER:
            if wanted & {f"{name}:", f"{name}_installation:"}:
                return name
    if file.parent.name == "chaos" and "trial: Trial" in file.read_text(encoding="utf-8"):
        return "site"
    return str(file)
