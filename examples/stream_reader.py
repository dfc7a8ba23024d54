"""A small reader of the streams that kronstream writes orders into: a stand-in for your agents or workflow engine.

    python stream_reader.py redis://127.0.0.1:6379/0 stream:agents:dispatch

It does what the order's name says with the functions in WORK below, tells how far it is, and replies. What to keep when
you write your own: read through a consumer group, do the work of one token once, reply with the order's run and token,
stop when a cancellation comes, keep what is worked on from other readers, and acknowledge and delete an order only
after its reply was written: what is never deleted fills the stream, and a full one takes no more orders.
"""

import json
import sys
import threading
import uuid
from collections.abc import Callable
from typing import Any

import redis

GROUP = "agents"
KNOWN = 10_000  # orders that are remembered, to be done once
LEFT = 30_000  # milliseconds after which an order that its reader did not claim again goes to another
Tell = Callable[[float, str], None]


class CancelledError(Exception):
    """The run ended without this work."""


def review(payload: Any, tell: Tell, cancelled: threading.Event) -> Any:
    """Looks at each document of the payload."""
    documents = payload["documents"]
    for number, _ in enumerate(documents):
        if cancelled.wait(payload.get("seconds", 0.0)):
            raise CancelledError
        tell((number + 1) / len(documents), f"{number + 1} of {len(documents)} documents")
    return {"reviewed": len(documents)}


def refuse(payload: Any, *_: object) -> Any:
    """Always fails."""
    raise ValueError(f"no: {payload}")


WORK = {"review": review, "refuse": refuse}


class Reader:
    """Reads one stream; every order is worked on in a thread of its own."""

    def __init__(self, url: str, stream: str) -> None:
        self.redis = redis.Redis.from_url(url, decode_responses=True, socket_timeout=10)
        self.stream = stream
        self.name = f"reader-{uuid.uuid4()}"
        self.known: dict[str, tuple[str, threading.Event]] = {}
        self.working: set[str] = set()

    def read(self) -> None:
        """Read for ever."""
        try:
            self.redis.xgroup_create(self.stream, GROUP, id="0", mkstream=True)
        except redis.ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
        print(f"reading {self.stream}", flush=True)
        while True:
            self.keep()
            # first what a reader left that died; then what is new
            _, left, *_ = self.redis.xautoclaim(self.stream, GROUP, self.name, LEFT, count=10)
            answer = [] if left else self.redis.xreadgroup(GROUP, self.name, {self.stream: ">"}, count=10, block=1000)
            for entry, order in left or (answer[0][1] if answer else []):
                self.take(entry, order)

    def keep(self) -> None:
        """Claim what is worked on again: no other reader takes it for left."""
        if entries := list(self.working):
            self.redis.xclaim(self.stream, GROUP, self.name, 0, entries, justid=True)

    def take(self, entry: str, order: dict[str, str]) -> None:
        """Begin an order, or end one."""
        key = order["token"]
        known, cancelled = self.known.get(key, ("", threading.Event()))
        if order["kind"] == "cancel":
            cancelled.set()
            self.done(entry)
        elif known and known != entry:
            self.done(entry)  # it came twice
        elif not known:  # else it takes longer than orders are left to one reader
            self.known[key] = (entry, cancelled)
            while len(self.known) > KNOWN:
                del self.known[next(iter(self.known))]
            self.working.add(entry)
            threading.Thread(target=self.work, args=(entry, order, cancelled), daemon=True).start()

    def done(self, entry: str) -> None:
        """Nothing is left to do for an entry."""
        with self.redis.pipeline() as pipe:
            pipe.xack(self.stream, GROUP, entry)
            pipe.xdel(self.stream, entry)
            pipe.execute()

    def work(self, entry: str, order: dict[str, str], cancelled: threading.Event) -> None:
        """Do an order and reply; one whose reply cannot be written is done again when it is read again."""
        try:
            self.carry_out(order, cancelled)
            self.done(entry)
        except redis.RedisError as error:
            print(f"no reply to {order['run']} yet: {error}", flush=True)
            self.known.pop(order["token"], None)
        finally:
            self.working.discard(entry)

    def carry_out(self, order: dict[str, str], cancelled: threading.Event) -> None:
        """Do an order and write the reply."""

        def reply(status: str, **fields: str) -> None:
            head = {"v": "1", "run": order["run"], "token": order["token"], "status": status}
            self.redis.xadd(order["reply"], {**head, **fields})

        def tell(done: float, text: str) -> None:
            reply("progress", progress=json.dumps({"done": done, "text": text}))

        try:
            result = WORK[order["name"]](json.loads(order["payload"]), tell, cancelled)
        except CancelledError:
            print(f"cancelled {order['run']}", flush=True)
        except redis.RedisError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever the work raises is its reply
            reply("failed", error=json.dumps({"type": type(error).__name__, "message": str(error)}))
        else:
            reply("success", result=json.dumps(result))


if __name__ == "__main__":
    Reader(*sys.argv[1:3]).read()
