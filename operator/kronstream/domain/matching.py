"""Which handlers an event is for, found by what it is, not by looking at each of them.

An exact type is one step; patterns are a tree of segments, one for each number of segments. What stands at the end of
either is sorted into platforms and namespaces, so that what is looked at is what matches.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Generic, TypeVar

from kronstream.domain.event import Event
from kronstream.domain.eventpattern import ANY, Pattern

Order = tuple[int, str, str, str]


@dataclass(frozen=True, slots=True)
class Target:
    """A handler as events find it; ``platform`` None is a global one, which sees the events of every platform."""

    uid: str
    namespace: str
    name: str
    priority: int
    pattern: Pattern
    platform: str | None = None
    order: Order = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "order", (-self.priority, self.namespace, self.name, self.uid))


T = TypeVar("T", bound=Target)
_ORDER = attrgetter("order")


class Index(Generic[T]):
    """The handlers that are in force; each event asks it once."""

    def __init__(self) -> None:
        self._targets: dict[str, T] = {}
        self._exact: dict[str, _Places[T]] = {}
        self._trees: dict[int, _Node[T]] = {}

    def __len__(self) -> int:
        return len(self._targets)

    def __iter__(self) -> Iterator[T]:
        return iter(self._targets.values())

    def get(self, uid: str) -> T | None:
        """A handler by its uid."""
        return self._targets.get(uid)

    def add(self, target: T) -> None:
        """Put a handler in; one of the same uid gives way to it."""
        self.remove(target.uid)
        self._targets[target.uid] = target
        if target.pattern.exact:
            self._exact.setdefault(target.pattern.text, _Places()).add(target)
            return
        segments = target.pattern.segments
        node = self._trees.setdefault(len(segments), _Node())
        for segment in segments:
            node = node.children.setdefault(segment, _Node())
        node.places.add(target)

    def remove(self, uid: str) -> T | None:
        """Take a handler out and give it back; None when there is none."""
        target = self._targets.pop(uid, None)
        if target is None:
            return None
        if target.pattern.exact:
            if self._exact[target.pattern.text].remove(target):
                del self._exact[target.pattern.text]
            return target
        segments = target.pattern.segments
        path = [self._trees[len(segments)]]
        for segment in segments:
            path.append(path[-1].children[segment])
        path[-1].places.remove(target)
        for node, parent, segment in zip(reversed(path[1:]), reversed(path[:-1]), reversed(segments), strict=True):
            if node.children or node.places:
                return target
            del parent.children[segment]
        if not path[0].children:
            del self._trees[len(segments)]
        return target

    def find(self, event: Event) -> list[T]:
        """The handlers of an event: of its platform and the global ones, of its namespace or of all.

        A higher priority comes first, then namespace and name in the order of their characters.
        """
        platform, namespace = event.platform, event.namespace
        lists = [found for places in self._ends(event.type) for found in places.of(platform, namespace)]
        if len(lists) == 1:
            return list(lists[0])
        # each list is in order already, and sorting is fast where much is
        return sorted((target for found in lists for target in found), key=_ORDER)

    def hears(self, type: str) -> bool:  # noqa: A002 - CloudEvents' own word
        """Whether any handler, of whatever platform and namespace, wants events of this type."""
        return next(self._ends(type), None) is not None

    def _ends(self, type: str) -> Iterator[_Places[T]]:  # noqa: A002
        exact = self._exact.get(type)
        if exact is not None:
            yield exact
        if not self._trees:
            return
        segments = type.split(".")
        root = self._trees.get(len(segments))
        if root is None:
            return
        level = [root]
        for segment in segments:
            # * stands for a segment that is there; one that is itself a * leads there once
            words = (segment, ANY) if segment and segment != ANY else (ANY,) if segment else ()
            level = [child for node in level for word in words if (child := node.children.get(word)) is not None]
        for node in level:
            yield node.places


class _Node(Generic[T]):
    """What follows a beginning of patterns: by the next segment, and for the last one the handlers."""

    __slots__ = ("children", "places")

    def __init__(self) -> None:
        self.children: dict[str, _Node[T]] = {}
        self.places: _Places[T] = _Places()


class _Places(Generic[T]):
    """The handlers of one pattern, by platform and namespace; each list is in order."""

    __slots__ = ("_lists",)

    def __init__(self) -> None:
        self._lists: dict[str | None, dict[str, list[T]]] = {}

    def __bool__(self) -> bool:
        return bool(self._lists)

    def add(self, target: T) -> None:
        found = self._lists.setdefault(target.platform, {}).setdefault(target.namespace, [])
        found.insert(bisect_left(found, target.order, key=_ORDER), target)

    def remove(self, target: T) -> bool:
        """Whether nothing is left."""
        spaces = self._lists[target.platform]
        found = spaces[target.namespace]
        del found[bisect_left(found, target.order, key=_ORDER)]
        if not found:
            del spaces[target.namespace]
        if not spaces:
            del self._lists[target.platform]
        return not self._lists

    def of(self, platform: str | None, namespace: str | None) -> Iterator[list[T]]:
        """The lists of a platform and the global ones; of one namespace, or of all."""
        for own in (None,) if platform is None else (None, platform):
            spaces = self._lists.get(own)
            if spaces is None:
                continue
            if namespace is None:
                yield from spaces.values()
            elif namespace in spaces:
                yield spaces[namespace]
