"""Finding handlers in modules, files and folders; every fault is told with file and line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kronstream.worker import discovery
from kronstream.worker.discovery import LoadError, load
from kronstream.worker.registry import offered

GOOD = 'from kronstream.handlers import handler\n\n@handler("{name}")\ndef f(payload):\n    return payload\n'


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    modules, path, functions = set(sys.modules), list(sys.path), dict(offered._functions)
    yield
    for name in set(sys.modules) - modules:
        del sys.modules[name]
    sys.path[:] = path
    offered._functions.clear()
    offered._functions.update(functions)


def test_builtin_handlers_come_by_their_entry_point() -> None:
    assert {"echo", "sleep", "fail"} <= set(load().names)


def test_a_file_a_folder_and_a_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "one.py").write_text(GOOD.format(name="one"))
    folder = tmp_path / "more"
    folder.mkdir()
    (folder / "two.py").write_text("import three\n" + GOOD.format(name="two"))
    (folder / "three.py").write_text(GOOD.format(name="three"))
    (folder / "_hidden.py").write_text("raise RuntimeError")
    (tmp_path / "four_module.py").write_text(GOOD.format(name="four"))
    monkeypatch.chdir(tmp_path)
    names = set(load([str(tmp_path / "one.py"), "more", "four_module"], installed=False).names)
    assert {"one", "two", "three", "four"} <= names
    assert "hidden" not in names


def test_all_faults_are_told_at_once_with_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "a_syntax.py").write_text("x = 1\ndef f(:\n")
    (tmp_path / "b_name.py").write_text("x = 1\n\nundefined_name\n")
    (tmp_path / "c_exit.py").write_text("import sys\nsys.exit('bye')\n")
    (tmp_path / "d_import.py").write_text("import no_such_module_here\n")
    (tmp_path / "e_handler.py").write_text("from kronstream.handlers import handler\n@handler('a b')\ndef f(): ...\n")
    (tmp_path / "f_good.py").write_text(GOOD.format(name="good"))
    with pytest.raises(LoadError) as caught:
        load([str(tmp_path), "no_such_module_there", str(tmp_path / "absent.py")], installed=False)
    text = str(caught.value)
    assert f"{tmp_path}/a_syntax.py, line 2: SyntaxError" in text
    assert f"{tmp_path}/b_name.py, line 3: NameError" in text
    assert f"{tmp_path}/c_exit.py, line 2: SystemExit: bye" in text
    assert f"{tmp_path}/d_import.py, line 1: ModuleNotFoundError" in text
    assert f"{tmp_path}/e_handler.py, line 2: HandlerError" in text
    assert "no_such_module_there: there is no module no_such_module_there" in text
    assert "absent.py: there is no such file or folder" in text
    assert len(caught.value.faults) == 7


def test_an_empty_folder_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"no file \*\.py"):
        load([str(tmp_path)], installed=False)


def test_a_file_that_raises_what_cannot_be_shown(tmp_path: Path) -> None:
    file = tmp_path / "odd.py"
    file.write_text("class Odd(Exception):\n    def __str__(self): raise ValueError\nraise Odd\n")
    with pytest.raises(LoadError) as caught:
        load([str(file)], installed=False)
    assert caught.value.faults == [f"{file}, line 3: Odd"]


def test_a_broken_package_names_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "_installed", lambda: iter(["broken_package.handlers"]))
    with pytest.raises(LoadError, match=r"broken_package\.handlers: there is no module broken_package"):
        load()
