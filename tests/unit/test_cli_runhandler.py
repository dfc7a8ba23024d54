"""`kronstream run-handler`: one attempt, as in a worker, without a store."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HANDLERS = str(Path(__file__).parent.parent / "trial_handlers.py")


def run(*arguments: str, stdin: str = "", handlers: str = HANDLERS) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kronstream.cli.main", "run-handler", "--handlers", handlers, *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("name", ["trial:add", "trial:add_async"])
def test_the_result_is_json_on_standard_output_and_all_else_on_error(name: str, tmp_path: Path) -> None:
    file = tmp_path / "payload.json"
    file.write_text('{"left": 2}')
    for payload, stdin, total in (('{"left": 1, "right": "4"}', "", 5), (f"@{file}", "", 3), ("@-", '{"left":8}', 9)):
        done = run(name, "--payload", payload, stdin=stdin)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == {"sum": total}
        assert done.stderr.startswith("adding\n")
        assert "succeeded in " in done.stderr


def test_the_run_is_told_what_the_options_say() -> None:
    done = run("trial:told", "--attempt", "3", "--retries", "4")
    assert json.loads(done.stdout) == {"attempt": 3, "of": 5, "last": None, "left": True}
    assert "[100%]" in done.stderr, "of what it says in one breath the last is told"
    assert "still here" in done.stderr


def test_progress_is_shown_with_its_words() -> None:
    assert '[ 25%] a quarter {"rows": 1}\n' in run("trial:quarter").stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("trial:fails",), ("ValueError: on purpose", "trial_handlers.py", "again in about", "attempt 2 of 4")),
        (("trial:fails", "--attempt", "4"), ("would not try again: this was attempt 4 of 4",)),
        (("trial:fails", "--payload", '{"how":"later"}'), ("again in about 1m30s: attempt 2",)),
        (("trial:fails", "--payload", '{"how":"permanent"}'), ("(permanent)", "no further attempt can mend this")),
        (("trial:add",), ("InvalidPayload", "payload.left is missing", "no further attempt")),
        (("trial:add_async", "--payload", "[]"), ("payload is a list of 0, wanted is an object with left, right",)),
        (("trial:hoards", "--payload", "500", "--memory", "64Mi"), ("MemoryLimit", "memory limit of 64Mi")),
        (("trial:sleeps", "--payload", '{"seconds": 60}', "--timeout", "200ms"), ("Timeout", "timeout of 200ms")),
    ],
)
def test_a_failure_exits_with_1_and_tells_what_a_worker_would_do(arguments: tuple[str, ...], says: tuple[str]) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    for text in says:
        assert text in done.stderr
    assert "kronstream/worker" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("trial:ad",), "no handler is called 'trial:ad'; did you mean trial:add"),
        (("zzz",), "known are echo, fail, sleep, trial:add"),
        (("trial:add", "--payload", "{left: 1}"), "is not JSON"),
        (("trial:add", "--payload", "@/no/such/file"), "No such file"),
        (("trial:add", "--memory", "much"), "--memory: 'much' is not an amount"),
        (("trial:add", "--timeout", "soon"), "--timeout: 'soon' is not a duration"),
    ],
)
def test_what_cannot_be_run_exits_with_2_and_a_message(arguments: tuple[str, ...], says: str) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_handlers_that_cannot_be_loaded_are_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("from kronstream.handlers import handler\n@handler('x')\ndef x(a: 'Nope', b: int): ...\n")
    done = run("x", handlers=str(broken))
    assert done.returncode == 2
    assert f"{broken}:2" in done.stderr
    assert "annotates 'a' with 'Nope', which is not known" in done.stderr


def test_output_comes_while_the_handler_runs() -> None:
    command = [sys.executable, "-m", "kronstream.cli.main", "run-handler", "--handlers", HANDLERS]
    with subprocess.Popen([*command, "trial:shows", "--payload", "60"], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            assert process.stderr.readline() == "first words\n"
            assert process.poll() is None
        finally:
            process.kill()
