"""The files that a command was given, and the jobs in them."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kronstream.cli.documents import Document, Unreadable, read
from kronstream.resources.kind import GROUP

ENDINGS = (".yaml", ".yml", ".json")
STDIN = "-"
_SEPARATOR = re.compile(rb"^---(?:\s|$)", re.MULTILINE)


@dataclass(frozen=True)
class Manifest:
    """An object of ours in a file, or, with `fault`, the place where a file stops being one."""

    file: str
    document: Document
    fault: Unreadable | None = None


class Reader:
    """Reads the objects of ours in files; what else it came by is counted, what cannot be read is kept in `unread`."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = tuple(paths)
        self.files = 0
        self.others = 0
        self.unread: list[str] = []

    def __iter__(self) -> Iterator[Manifest]:
        for name in _files(self._paths):
            try:
                data = sys.stdin.buffer.read() if name == STDIN else Path(name).read_bytes()
            except OSError as error:
                self.unread.append(f"{name}: {error.strerror}")
                continue
            self.files += 1
            yield from self._manifests("<stdin>" if name == STDIN else name, data)

    def _manifests(self, name: str, data: bytes) -> Iterator[Manifest]:
        # templates and other people's files need not be YAML that we can read
        if GROUP.encode() not in data:
            self.others += sum(1 for part in _SEPARATOR.split(data) if part.strip())
            return
        text = data.decode("utf-8", errors="replace")
        # JSON may be indented by tabs and YAML may not; inside a text of JSON there are none
        try:
            for document in read(text.replace("\t", " ") if name.endswith(".json") else text):
                for item in _items(document):
                    if is_ours(item.value):
                        yield Manifest(name, item)
                    else:
                        self.others += 1
        except Unreadable as fault:
            yield Manifest(name, Document(None, {(): fault.line}), fault)


def is_ours(value: object) -> bool:
    """Whether an object is of our API group, whatever its kind and version."""
    version = value.get("apiVersion") if isinstance(value, dict) else None
    return isinstance(version, str) and version.split("/")[0] == GROUP


def _items(document: Document) -> Iterator[Document]:
    """The object itself, or the objects of a List."""
    value = document.value
    items = value.get("items") if isinstance(value, dict) and str(value.get("kind")).endswith("List") else None
    if isinstance(items, list):
        yield from (document.item(index) for index in range(len(items)))
    else:
        yield document


def _files(paths: Iterable[str]) -> Iterator[str]:
    for path in paths:
        if path == STDIN or not os.path.isdir(path):  # noqa: PTH112 - names stay as they were given
            yield path
            continue
        for folder, inner, names in os.walk(path):
            inner[:] = sorted(name for name in inner if not name.startswith("."))
            yield from (os.path.join(folder, name) for name in sorted(names) if name.endswith(ENDINGS))  # noqa: PTH118
