"""What modules of handlers import is typed: a strict checker passes good ones and finds what is wrong in bad ones."""

import subprocess
import sys
from pathlib import Path

import pytest

from kronstream import handlers

GOOD = """
from typing import Any

from typing_extensions import TypedDict

from kronstream.handlers import LastSuccess, Permanent, RetryAfter, Run, handler
from kronstream.testing.handlers import Trial, run_handler, run_handler_async


class Options(TypedDict):
    size: int


@handler("a")
def sync(payload: Options, *, run: Run) -> dict[str, Any]:
    if run.attempt > run.max_attempts:
        raise Permanent("no")
    run.progress(0.5, "half", {"size": payload["size"]})
    last: LastSuccess | None = run.last_success
    return {"since": last.nominal.isoformat() if last else None, "left": run.remaining}


@handler("b")
async def asynchronous(days: int, dry_run: bool = False) -> None:
    raise RetryAfter(5 * days, "busy")


async def test() -> None:
    size: dict[str, Any] = sync({"size": 1}, run=Run(id="r1"))
    await asynchronous(1, dry_run=True)
    trial: Trial = run_handler("a", size, attempt=2)
    again: Trial = await run_handler_async(asynchronous, {"days": 1})
    assert trial.ok and again.retry_in == 5
"""
BAD = """
from kronstream.handlers import Run, handler


@handler
def forgotten(payload: int, run: Run) -> None:
    run.progress("half")
    run.nominal.no_such()


@handler("a")
def kept(days: int) -> int:
    return days


kept("1")
"""


def mypy(folder: Path, text: str) -> list[str]:
    (folder / "jobs.py").write_text(text)
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--config-file=",
        "--cache-dir",
        str(folder / "cache"),
        "jobs.py",
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=170, check=False)
    assert not done.stderr, done.stderr
    return [line for line in done.stdout.splitlines() if ": error: " in line]


def test_a_strict_checker_passes_what_is_right_and_finds_what_is_wrong(tmp_path: Path) -> None:
    assert mypy(tmp_path, GOOD) == []
    found = "\n".join(mypy(tmp_path, BAD))
    for fault in ('expected "str"', 'Argument 1 to "progress"', '"no_such"', 'Argument 1 to "kept"'):
        assert fault in found


@pytest.mark.parametrize("name", handlers.__all__)
def test_every_name_says_what_it_is(name: str) -> None:
    assert (getattr(handlers, name).__doc__ or "").strip()
