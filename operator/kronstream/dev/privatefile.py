"""Files that only their owner may read, replaced as a whole or not at all."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kronstream.dev.errors import DevError


def write_private(file: Path, content: bytes) -> None:
    """Replaces `file` atomically with `content`."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    half = file.with_name(f".{file.name}.{os.getpid()}")
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as handle:
        handle.write(content)
    half.replace(file)


def write_json(file: Path, content: dict[str, Any]) -> None:
    """The same with `content` as JSON."""
    write_private(file, json.dumps(content, indent=2).encode() + b"\n")


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Makes `folder` and holds it against a second process. Raises DevError when another one holds it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = (folder / ".lock").open("a+", encoding="ascii")
    except OSError as error:
        raise DevError(f"{folder} cannot be used: {error}. Choose another folder with --data-dir.") from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DevError(
                f"{folder} is in use by another `kronstream dev`. Stop that one, or choose another --data-dir."
            ) from None
        yield
