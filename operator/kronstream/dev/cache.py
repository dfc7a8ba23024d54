"""The cache of control-plane programs: one folder per version, stamped, so that a broken file is found."""

import fcntl
import hashlib
import json
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kronstream.dev.errors import DevError

Say = Callable[[str], None]

STAMP = "stamp.json"


def cache_root(environ: Mapping[str, str]) -> Path:
    """`$KRONSTREAM_CACHE`, else `$XDG_CACHE_HOME/kronstream`, else `~/.cache/kronstream`."""
    if own := environ.get("KRONSTREAM_CACHE"):
        return Path(own).expanduser().absolute()
    if shared := environ.get("XDG_CACHE_HOME"):
        return Path(shared).expanduser().absolute() / "kronstream"
    return Path.home() / ".cache" / "kronstream"


def platform_name() -> str:
    """Operating system and architecture as Go names them, such as `linux-amd64`."""
    machine = platform.machine().lower()
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
    return f"{sys.platform}-{architecture}"


@dataclass(frozen=True)
class Cache:
    """One version's folder of programs. A program counts only when its stamp agrees with the file."""

    folder: Path

    def path(self, program: str) -> Path:
        return self.folder / program

    def sound(self, program: str, version: str = "", *, thorough: bool = False) -> bool:
        """Whether `program` is there in this version, executable and as it was stamped.

        An untouched file (same size and modification time) is believed; `thorough` reads every byte again.
        """
        file, stamp = self.path(program), self._stamps().get(program)
        if not isinstance(stamp, dict) or not os.access(file, os.X_OK) or not file.is_file():
            return False
        stat = file.stat()
        if stat.st_size != stamp.get("size") or version != stamp.get("version", ""):
            return False
        if stat.st_mtime_ns == stamp.get("mtime_ns") and not thorough:
            return True
        return sha256(file) == stamp.get("sha256")

    def install(self, program: str, built: Path, origin: str, version: str = "") -> Path:
        """Moves `built`, a file in the same file system, into its place and stamps it. The lock must be held."""
        built.chmod(0o755)
        digest = sha256(built)
        target = self.path(program)
        built.replace(target)
        stat = target.stat()
        stamp: dict[str, Any] = {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "sha256": digest, "origin": origin}
        if version:
            stamp["version"] = version
        stamps = {**self._stamps(), program: stamp}
        half = self.folder / f".{STAMP}.{os.getpid()}"
        half.write_text(json.dumps(stamps, indent=2) + "\n", encoding="utf-8")
        half.replace(self.folder / STAMP)
        return target

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder beside the programs, on their file system; what earlier builders left is removed."""
        for left in self.folder.glob(".build-*"):
            shutil.rmtree(left, ignore_errors=True)
        folder = self.folder / f".build-{os.getpid()}"
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def lock(self, say: Say) -> Iterator[None]:
        """Held by the one process that fills this folder; says so when it has to wait for another."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle = (self.folder / ".lock").open("a+", encoding="utf-8")
        except OSError as error:
            raise DevError(
                f"the cache of control-plane programs cannot be written: {error}.\n"
                "Make it writable, or set KRONSTREAM_CACHE to a folder that is."
            ) from error
        with handle:
            _acquire(handle, say)
            yield  # closing the file lets go of the lock, as does the end of the process

    def _stamps(self) -> dict[str, Any]:
        try:
            stamps = json.loads((self.folder / STAMP).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return stamps if isinstance(stamps, dict) else {}


def _acquire(handle: Any, say: Say) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.seek(0)
        holder = handle.read().strip() or "unknown"
        say(f"another kronstream (process {holder}) is filling {Path(handle.name).parent}: waiting for it")
        fcntl.flock(handle, fcntl.LOCK_EX)
    handle.seek(0)
    handle.truncate()
    handle.write(f"{os.getpid()}\n")
    handle.flush()


def sha256(file: Path) -> str:
    """The file's SHA-256 in hexadecimal."""
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
