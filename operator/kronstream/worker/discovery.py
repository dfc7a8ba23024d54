"""Finding handlers: entry points of installed packages, and modules, files and folders a person names.

Everything is tried before anything is refused, so that one start shows every fault. A worker with a broken file does
not start: it would fail the runs of the functions it lacks, one by one and silently for whoever looks at the worker.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from importlib import metadata
from pathlib import Path

from kronstream.worker.registry import Registry, offered

GROUP = "kronstream.handlers"


class LoadError(Exception):
    """Handlers that cannot be loaded: `faults` has a line each, naming file and line."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__(faults)
        self.faults = faults

    def __str__(self) -> str:
        return "\n".join(self.faults)


def load(places: Iterable[str] = (), *, installed: bool = True) -> Registry:
    """Import the handlers of installed packages and of the places: dotted modules, files or folders.

    A folder's `*.py` are read in the order of their names, without those that begin with `_` or `.`.
    Raises LoadError with every fault found.
    """
    if os.getcwd() not in sys.path:  # noqa: PTH109 - sys.path holds text
        sys.path.append(os.getcwd())  # noqa: PTH109
    faults: list[str] = []
    for name in _installed() if installed else ():
        faults += _attempt(name, None)
    for place in places:
        if _is_path(place):
            for file in _files(Path(place), faults):
                faults += _attempt(_import_name(file), file)
        else:
            faults += _attempt(place, None)
    if faults:
        raise LoadError(faults)
    return offered


def _installed() -> Iterator[str]:
    for point in metadata.entry_points(group=GROUP):
        yield point.module


def _is_path(place: str) -> bool:
    return "/" in place or place.endswith(".py") or Path(place).is_dir()


def _files(path: Path, faults: list[str]) -> list[Path]:
    if path.is_file():
        return [path.resolve()]
    if not path.is_dir():
        faults.append(f"{path}: there is no such file or folder")
        return []
    found = sorted(file.resolve() for file in path.glob("*.py") if file.name[0] not in "._")
    if not found:
        faults.append(f"{path}: no file *.py in this folder")
    return found


def _import_name(file: Path) -> str:
    # two files of one name in different folders are two modules
    return f"kronstream_handlers_{blake2b(str(file).encode(), digest_size=4).hexdigest()}_{file.stem}"


def _attempt(name: str, file: Path | None) -> list[str]:
    try:
        if file is None:
            importlib.import_module(name)
        else:
            _import_file(name, file)
    except ModuleNotFoundError as error:
        if file is None and error.name and (name == error.name or name.startswith(error.name + ".")):
            return [f"{name}: there is no module {error.name}; name a module, a file.py or a folder"]
        return [_fault(error, file, name)]
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a person's file does ends as a line about it
        return [_fault(error, file, name)]
    return []


def _import_file(name: str, file: Path) -> None:
    if name in sys.modules:
        return
    if str(file.parent) not in sys.path:
        sys.path.append(str(file.parent))  # so that files beside each other can import each other
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise


def _fault(error: BaseException, file: Path | None, name: str) -> str:
    where, line = str(file or name), None
    if isinstance(error, SyntaxError) and error.filename:
        where, line = error.filename, error.lineno
    else:
        frames = [(frame.f_code.co_filename, at) for frame, at in traceback.walk_tb(error.__traceback__)]
        own = [(path, at) for path, at in frames if file is not None and path == str(file)]
        outside = [(path, at) for path, at in frames if "importlib" not in path and path != __file__]
        if own or outside:
            where, line = own[-1] if own else outside[-1]
    try:
        text = f"{type(error).__name__}: {error.msg if isinstance(error, SyntaxError) else error}"
    except Exception:  # noqa: BLE001 - its own __str__ is a person's code too
        text = type(error).__name__
    return f"{where}, line {line}: {text}" if line else f"{where}: {text}"
