"""The command line starts quickly, for it imports only what is called."""

import subprocess
import sys

from click.testing import CliRunner

from kronstream import __version__
from kronstream.cli.main import COMMANDS, main

HEAVY = ("kopf", "kubernetes", "redis", "rich", "pydantic", "yaml", "cryptography")


def test_help_lists_every_command() -> None:
    answer = CliRunner().invoke(main, ["--help"])

    assert answer.exit_code == 0
    for name, entry in COMMANDS.items():
        assert f"  {name} " in answer.output
        assert entry.summary.split()[0] in answer.output


def test_help_imports_nothing_heavy() -> None:
    script = f"import sys, kronstream.cli.main as m; m.main(['--help'], standalone_mode=False); \
print(*({{{', '.join(map(repr, HEAVY))}}} & set(sys.modules)), file=sys.stderr)"

    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert answer.stderr.strip() == ""


def test_the_version() -> None:
    assert __version__ in CliRunner().invoke(main, ["--version"]).output


def test_an_unknown_command_is_named() -> None:
    answer = CliRunner().invoke(main, ["nonsense"])

    assert answer.exit_code == 2
    assert "No such command 'nonsense'" in answer.output
