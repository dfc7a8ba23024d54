"""The tail of the output, apart for each task."""

from __future__ import annotations

import asyncio
import io
import logging
import sys
import time

import pytest

from kronstream.ports import bounds
from kronstream.worker import output
from kronstream.worker.output import Tail, TailHandler, capture


def test_a_tail_keeps_the_end_within_its_bound() -> None:
    tail = Tail()
    for number in range(100_000):
        tail.write(f"line {number}\n")
    text = tail.text()
    assert len(text.encode()) <= bounds.OUTPUT
    assert text.endswith("line 99999\n")
    assert text.startswith("…")


def test_bytes_count_not_characters() -> None:
    tail = Tail()
    tail.write("€" * 50_000)
    assert bounds.OUTPUT - 6 <= len(tail.text().encode()) <= bounds.OUTPUT


def test_what_cannot_be_encoded_is_replaced() -> None:
    tail = Tail()
    tail.write("a\ud800b\0")
    assert tail.text() == "a?b\0"
    assert Tail().text() == ""


def test_a_flood_is_cheap() -> None:
    tail = Tail()
    began = time.thread_time()
    for _ in range(300_000):
        tail.write("x" * 80)
    tail.write("y" * 50_000_000)
    assert time.thread_time() - began < 5
    assert set(tail.text()) <= {"y", "…"}


def test_tasks_print_apart_and_the_rest_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    real = io.StringIO()
    monkeypatch.setattr(sys, "stdout", output.Routed(real))
    assert isinstance(sys.stdout, output.Routed)

    async def talk(name: str) -> str:
        tail = Tail()
        capture.set(tail)
        for number in range(3):
            print(name, number)
            await asyncio.sleep(0)
        await asyncio.to_thread(print, name, "thread")
        sys.stdout.buffer.write(b"bytes \xff\n")
        sys.stdout.writelines(["a\n", "b\n"])
        sys.stdout.close()
        print("after close", flush=True)
        return tail.text()

    async def main() -> list[str]:
        return await asyncio.gather(asyncio.create_task(talk("one")), asyncio.create_task(talk("two")))

    one, two = asyncio.run(main())
    assert one == "one 0\none 1\none 2\none thread\nbytes \ufffd\na\nb\nafter close\n"
    assert "one" not in two
    print("mine")
    assert real.getvalue() == "mine\n"


def test_log_records_go_to_the_tail_also_broken_ones(capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("handlers.test")
    logger.propagate = False
    logger.addHandler(TailHandler())
    tail = Tail()
    token = capture.set(tail)
    try:
        logger.warning("told %d", 1)
        logger.warning("broken %d", "x")
    finally:
        capture.reset(token)
    logger.warning("nobody's")
    assert tail.text().startswith("WARNING handlers.test: told 1\n")
    assert "nobody" not in tail.text()
