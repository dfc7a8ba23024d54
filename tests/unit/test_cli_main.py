"""The command line starts quickly, for it imports only what is called."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from kronstream import __version__
from kronstream.cli.main import COMMANDS, main

HEAVY = (
    "aiohttp", "asyncio", "cel_expr_python", "croniter", "cryptography", "dateutil", "fastapi", "hiredis", "kopf",
    "kubernetes", "limits", "prometheus_client", "pydantic", "redis", "rich", "ssl", "starlette", "uvicorn", "uvloop",
    "yaml",
)  # fmt: skip


def test_help_lists_every_command() -> None:
    answer = CliRunner().invoke(main, ["--help"])

    assert answer.exit_code == 0
    for name, entry in COMMANDS.items():
        assert f"  {name} " in answer.output
        assert entry.summary.split()[0] in answer.output


# one process for all of them: what the first has imported the next one finds, so the first that does is named
HELPS = """
import sys
from kronstream.cli.main import COMMANDS, main
for words in [[], *([name] for name in COMMANDS)]:
    main([*words, "--help"], standalone_mode=False)
    found = HEAVY & set(sys.modules)
    assert not found, (words, found)
"""
COMPLETIONS = """
import sys
from kronstream.cli.completion import kubectl
from kronstream.cli.main import COMMANDS
for words in [[""], ["dead"], *([name, "--"] for name in COMMANDS), ["get", ""], ["completion", ""]]:
    sys.argv[1:] = words
    kubectl()
    found = HEAVY & set(sys.modules)
    assert not found, (words, found)
"""


@pytest.mark.parametrize("script", [HELPS, COMPLETIONS], ids=["helps", "completions"])
def test_neither_help_nor_completion_imports_anything_heavy(script: str) -> None:
    script = f"HEAVY = set({HEAVY!r})\n{script}"

    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert answer.returncode == 0, answer.stderr


def test_the_version() -> None:
    assert __version__ in CliRunner().invoke(main, ["--version"]).output


def test_an_unknown_command_is_named() -> None:
    answer = CliRunner().invoke(main, ["nonsense"])

    assert answer.exit_code == 2
    assert "No such command 'nonsense'" in answer.output
