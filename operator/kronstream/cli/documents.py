"""Manifests as files hold them: each document with the line of every field, read as the API server's clients do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

Path = tuple[str | int, ...]

# a document with more values than this, aliases expanded, is no manifest
MAX_VALUES = 100_000
_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


class Unreadable(ValueError):  # noqa: N818 - says what the text is
    """A text that is not YAML, with the line (from 1) where that shows."""

    def __init__(self, line: int, fault: str) -> None:
        super().__init__(fault)
        self.line = line
        self.fault = fault


@dataclass(frozen=True)
class Document:
    """One document: its plain values, where they stand, and keys that are there twice as (line, path)."""

    value: Any
    lines: Mapping[Path, int]
    doubled: tuple[tuple[int, str], ...] = ()

    def line(self, path: str) -> int:
        """The line (from 1) of a path such as `spec.tags[2]`, or of the nearest object that holds it."""
        steps = _steps(path)
        while steps not in self.lines and steps:
            steps = steps[:-1]
        return self.lines[steps]

    def item(self, index: int) -> Document:
        """An entry of a List, as a document of its own."""
        root: Path = ("items", index)
        inside = {path[2:]: line for path, line in self.lines.items() if path[:2] == root}
        return Document(self.value["items"][index], {(): self.line(f"items[{index}]")} | inside)


def read(text: str) -> Iterator[Document]:
    """The documents of a text, empty ones left out. Raises Unreadable where it stops being YAML."""
    try:
        loader = _Loader(text)
        while loader.check_node():
            node = loader.get_node()
            assert node is not None
            if _size(node, {}) > MAX_VALUES:
                raise Unreadable(
                    node.start_mark.line + 1, f"a document with more than {MAX_VALUES} values is no manifest"
                )
            found = _Found()
            found.walk(node, ())
            value = loader.construct_document(node)
            if value is not None:
                yield Document(value, found.lines, tuple(found.doubled))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        fault = " ".join(filter(None, (error.context, error.problem)))
        raise Unreadable(mark.line + 1 if mark else 1, f"is not YAML: {fault}") from None
    except yaml.YAMLError as error:
        raise Unreadable(1, f"is not YAML: {str(error).splitlines()[0]}") from None
    except RecursionError:
        raise Unreadable(1, "is nested too deeply, or holds itself") from None


@dataclass
class _Found:
    """Where fields stand, gathered from the nodes of one document."""

    lines: dict[Path, int] = field(default_factory=dict)
    doubled: list[tuple[int, str]] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)

    def walk(self, node: yaml.Node, path: Path) -> None:
        """Note the lines of everything below a node; what an alias repeats is noted where it stands first."""
        self.lines.setdefault(path, node.start_mark.line + 1)
        if id(node) in self.seen:
            return
        self.seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            self._mapping(node, path)
        elif isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                self.walk(item, (*path, index))

    def _mapping(self, node: yaml.MappingNode, path: Path) -> None:
        merged = [value for key, value in node.value if key.tag == _MERGE]
        own: set[str] = set()
        for key, value in node.value:
            if key.tag == _MERGE:
                continue
            name = str(key.value)
            if name in own:
                self.doubled.append((key.start_mark.line + 1, ".".join(map(str, (*path, name)))))
            own.add(name)
            self.lines.setdefault((*path, name), key.start_mark.line + 1)
            self.walk(value, (*path, name))
        for value in merged:
            for part in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                self.walk(part, path)


class _Loader(yaml.SafeLoader):
    """As kubectl reads: keys are texts, and neither a date nor 12:30:00 is anything but text."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """See SafeLoader."""
        self.flatten_mapping(node)
        found = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                fault = "found a key that is not a text"
                raise yaml.constructor.ConstructorError(None, None, fault, key_node.start_mark)
            key = self.construct_object(key_node)
            # JSON's word, for 1 and true are equal in Python
            text = json.dumps(key) if key is None or isinstance(key, bool) else str(key)
            found[text] = self.construct_object(value_node, deep=deep)
        return found


_MERGE = "tag:yaml.org,2002:merge"
_REPLACED = ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag not in _REPLACED]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int",
    re.compile(r"[-+]?(0b[01_]+|0x[0-9a-fA-F_]+|0[0-7_]*|[1-9][0-9_]*)$"),
    list("-+0123456789"),
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"([-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$"),
    list("-+.0123456789"),
)


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """How many values a node stands for, aliases expanded; RecursionError for one that holds itself."""
    if id(node) in known:
        if known[id(node)] < 0:
            raise RecursionError
        return known[id(node)]
    known[id(node)] = -1
    children = node.value if isinstance(node, yaml.CollectionNode) else ()
    flat = (part for child in children for part in (child if isinstance(child, tuple) else (child,)))
    known[id(node)] = 1 + sum(_size(child, known) for child in flat)
    return known[id(node)]


def _steps(path: str) -> Path:
    return tuple(int(index) if index else name for index, name in _STEP.findall(path))
