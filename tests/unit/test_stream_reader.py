"""The reference reader of the streams: an order is done once, replied to in any case, and then deleted."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
import redis
from examples import stream_reader
from examples.stream_reader import Reader

from eventually import eventually


class Server:
    """What the reader asks of Redis; while `away` it does not answer."""

    def __init__(self) -> None:
        self.away = False
        self.replies: list[dict[str, str]] = []
        self.gone: list[tuple[str, str]] = []

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None: ...

    def pipeline(self) -> Server:
        return self

    def xadd(self, stream: str, fields: dict[str, str]) -> None:
        if self.away:
            raise redis.ConnectionError("away")
        self.replies.append(fields)

    def xack(self, stream: str, group: str, entry: str) -> None:
        self.gone.append(("acknowledged", entry))

    def xdel(self, stream: str, entry: str) -> None:
        self.gone.append(("deleted", entry))

    def execute(self) -> None: ...


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Reader:
    monkeypatch.setattr(stream_reader.redis.Redis, "from_url", lambda *_, **__: Server())
    monkeypatch.setitem(stream_reader.WORK, "wait", waits)
    allowed.clear()
    return Reader("redis://nowhere", "stream")


allowed = threading.Event()


def waits(payload: Any, tell: Any, cancelled: threading.Event) -> str:
    allowed.wait(10)
    return "waited"


def order(name: str = "review", **fields: str) -> dict[str, str]:
    payload = json.dumps({"documents": []})
    return {
        "kind": "agent", "run": "r", "attempt": "1", "name": name, "token": "t", "reply": "replies", "payload": payload,
        **fields,
    }  # fmt: skip


def test_an_order_that_is_done_is_deleted(reader: Reader) -> None:
    reader.take("1-0", order())
    eventually(lambda: reader.redis.gone == [("acknowledged", "1-0"), ("deleted", "1-0")])
    assert [reply["status"] for reply in reader.redis.replies] == ["success"]


def test_an_order_whose_reply_could_not_be_written_is_done_again(reader: Reader) -> None:
    reader.redis.away = True
    reader.take("1-0", order())
    eventually(lambda: not reader.known)
    assert reader.redis.gone == []
    reader.redis.away = False
    reader.take("1-0", order())
    eventually(lambda: ("deleted", "1-0") in reader.redis.gone)
    assert [reply["status"] for reply in reader.redis.replies] == ["success"]


def test_an_order_that_is_read_again_while_it_is_done_stays(reader: Reader) -> None:
    reader.take("1-0", order("wait"))
    reader.take("1-0", order("wait"))
    assert reader.redis.gone == []
    reader.take("2-0", order("wait"))
    assert reader.redis.gone == [("acknowledged", "2-0"), ("deleted", "2-0")]
    allowed.set()
    eventually(lambda: ("deleted", "1-0") in reader.redis.gone)
    assert len(reader.redis.replies) == 1


def test_an_attempt_that_a_store_began_anew_is_done_again(reader: Reader) -> None:
    reader.take("1-0", order())
    eventually(lambda: ("deleted", "1-0") in reader.redis.gone)
    reader.take("2-0", order(token="another"))
    eventually(lambda: ("deleted", "2-0") in reader.redis.gone)
    assert [reply["token"] for reply in reader.redis.replies] == ["t", "another"]
