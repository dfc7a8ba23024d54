"""`kronstream worker` and `kronstream workers`: what is said about what cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from kronstream.cli.worker import worker
from kronstream.cli.workers import workers


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--batch-size", "0"], "--batch-size (KRONSTREAM_BATCH_SIZE): '0' cannot be used; write a whole number"),
        (["--stream-name", "a{b}"], "without braces"),
        (["--redis-url", "http://:hunter2@x"], "redis://"),
        (["--grace", "soon"], "like 1500ms"),
        (["--no-such"], "No such option"),
    ],
)
def test_bad_settings_exit_with_2_and_a_message(arguments: list[str], says: str) -> None:
    result = CliRunner().invoke(worker, arguments)
    assert result.exit_code == 2
    assert says in result.output
    assert "Traceback" not in result.output
    assert "hunter2" not in result.output


def test_a_bad_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRONSTREAM_ENABLED", "perhaps")
    result = CliRunner().invoke(worker, [])
    assert result.exit_code == 2
    assert "KRONSTREAM_ENABLED" in result.output


def test_help_names_every_setting_with_variable_and_default() -> None:
    text = " ".join(CliRunner().invoke(worker, ["--help"]).output.split())
    for flag in (
        "--stream-name", "--consumer-group", "--consumer-name", "--batch-size", "--block-ms", "--enabled / --disabled",
        "--queue", "--concurrency", "--handlers", "--redis-url", "--metrics-port", "--grace",
    ):  # fmt: skip
        assert flag in text
    assert "[KRONSTREAM_BLOCK_MS; default 5000]" in text
    assert "default consumer-<uuid>]" in text


def test_workers_without_redis_is_a_line(tmp_path: Path) -> None:
    result = CliRunner().invoke(workers, ["--redis-url", f"unix://{tmp_path}/none.sock"])
    assert result.exit_code == 4
    assert "no answer from unix://" in result.output
    assert "KRONSTREAM_REDIS_URL" in result.output
    assert "Traceback" not in result.output
