"""Files that only their owner may read, replaced as a whole or not at all."""

import json
import os
from pathlib import Path
from typing import Any


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
