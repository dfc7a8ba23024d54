"""Installations that test files share, one after the other: an idle one costs a sixth of a processor."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager

import pytest

from integration.installation import Installation

Maker = Callable[[], AbstractContextManager[Installation]]
ORDER = ("sturdy", "installation", "routed", "doored", "managed")


class Kept:
    """Installations by name. One that no file uses any more lives on until another is asked for."""

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

    def close(self, *, idle_only: bool = False) -> None:
        """End them all, or those that nobody uses."""
        for name in [name for name in self._open if not (idle_only and self._users[name])]:
            _, stack = self._open.pop(name)
            stack.close()


def arrange(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """The same tests, files that share an installation one after the other; first those that take long, in which tests
    wait for what happens, then those that only compute."""

    def wants(item: pytest.Item) -> frozenset[str]:
        return frozenset(getattr(item, "fixturenames", ())) & frozenset(ORDER)

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
