"""Log lines: one a record, as text or JSON, without passwords."""

import contextvars
import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest

from kronstream import logs


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    logger = logging.getLogger()
    handlers, level = list(logger.handlers), logger.level
    yield logger
    logger.handlers[:] = handlers
    logger.setLevel(level)


def written(form: str, *args: object, **kwargs: object) -> str:
    stream = io.StringIO()
    logs.configure(form, "info", stream)
    logging.getLogger("some.where").warning(*args, **kwargs)  # type: ignore[arg-type]
    return stream.getvalue()


def test_json_keeps_extra_fields_and_the_object_but_not_kopfs_own(root: logging.Logger) -> None:
    ref = {"namespace": "n", "name": "j"}
    line = json.loads(
        written("json", "did %s", "it", extra={"k8s_ref": ref, "k8s_skip": True, "settings": object(), "run": "r1"})
    )
    assert line["message"] == "did it"
    assert line["level"] == "warning"
    assert line["logger"] == "some.where"
    assert line["k8s_ref"] == ref
    assert line["run"] == "r1"
    assert not {"k8s_skip", "settings"} & set(line)


def test_text_names_the_object(root: logging.Logger) -> None:
    line = written("text", "did it", extra={"k8s_ref": {"namespace": "n", "name": "j"}})
    assert line.endswith("WARNING some.where: [n/j] did it\n")
    assert "Z " in line


def test_a_message_is_one_line_of_text_whatever_a_caller_sent(root: logging.Logger) -> None:
    forged = "x\n2026-01-02T03:04:05.678Z INFO    kronstream.audit: admin DELETE /jobs 204\r\x1b[2K\x9b\u2028é"
    line = written("text", "asked for %s", forged, extra={"k8s_ref": {"namespace": "n", "name": "j\nk"}})
    assert line.count("\n") == 1
    assert not logs._CONTROL.search(line.rstrip("\n"))
    assert "[n/j\\nk] asked for x\\n2026-01-02T03:04:05.678Z INFO" in line
    assert line.endswith("204\\r\\x1b[2K\\x9b\\u2028é\n")


def test_a_traceback_keeps_its_lines_and_none_looks_like_a_record(root: logging.Logger) -> None:
    try:
        raise ValueError("sent\n2026-01-02T03:04:05.678Z INFO    forged: x\x1b[2K")
    except ValueError:
        first, *lines = written("text", "failed", exc_info=sys.exc_info(), stack_info=True).splitlines()
    assert first.endswith("failed")
    assert "  Traceback (most recent call last):" in lines
    assert "  2026-01-02T03:04:05.678Z INFO    forged: x\\x1b[2K" in lines
    assert all(line.startswith("  ") for line in lines)
    assert any(line.startswith("  Stack") for line in lines)


@pytest.mark.parametrize("form", ["text", "json"])
def test_passwords_of_urls_are_masked_also_in_tracebacks(root: logging.Logger, form: str) -> None:
    try:
        raise OSError("no answer from redis://:hunter2@host:6379/0")
    except OSError:
        text = written(form, "lost %s", "rediss://user:s3@cret@host/1", exc_info=sys.exc_info())
    assert "hunter2" not in text
    assert "s3" not in text
    assert "cret" not in text
    assert "user:***@host" in text


def test_passwords_of_sentinels_are_masked() -> None:
    text = "rediss+sentinel://u:one@h:1,i:2/main/0?sentinel_username=s&sentinel_password=t%20wo&db=1 and unix:///p?password=3"
    assert logs.masked(text) == (
        "rediss+sentinel://u:***@h:1,i:2/main/0?sentinel_username=s&sentinel_password=***&db=1 and unix:///p?password=***"
    )


def test_a_message_without_a_password_is_as_it_was() -> None:
    text = "see http://host:80/a and a:b@c, redis://host:6379/0, redis+sentinel://h:26379,i:26379/main/0?db=1"
    assert logs.masked(text) == text


def test_fields_that_are_bound_are_in_every_line_of_their_context_alone(root: logging.Logger) -> None:
    def bound() -> str:
        logs.bind(lambda: {"run": "r1", "job": "n/j", "attempt": 2, "trace_id": "t"})
        return written("json", "did it", extra={"run": "its own"})

    line = json.loads(contextvars.copy_context().run(bound))
    assert (line["run"], line["job"], line["attempt"], line["trace_id"]) == ("its own", "n/j", 2, "t")
    assert "run" not in json.loads(written("json", "did it"))
