"""A Redis of its own, jobs dispatched into it without an operator, and real workers as processes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import psutil
from redis import Redis

from builders import adoption, dispatch, now
from eventually import eventually
from kronstream.dev.loopback import free_ports
from kronstream.domain.run import Trigger, run_id
from kronstream.ports import Adopted, Change, Execution, Verdict, WorkerCard
from kronstream.streams.connection import connect
from kronstream.streams.keys import Keys
from kronstream.streams.ledger import RedisLedger
from kronstream.streams.records import Records
from kronstream.streams.requests import RedisRequests
from kronstream.streams.runqueue import RedisRunQueue

HOSTILE = Path(__file__).parent.parent / "hostile_handlers.py"
GROUP = "scheduler-workers"
EPOCH = "epoch-1"

Value = TypeVar("Value")


class Worker:
    """`kronstream worker` as a process; its log is text in `log`."""

    def __init__(self, folder: Path, url: str, *flags: str, handlers: Path | str = HOSTILE, **environ: str) -> None:
        self.name = f"worker-{uuid.uuid4().hex[:6]}"
        (self.port,) = free_ports(1)
        self.path = folder / f"{self.name}.log"
        command = [sys.executable, "-m", "kronstream.cli.main", "worker", "--consumer-name", self.name]
        command += ["--handlers", str(handlers), "--metrics-port", str(self.port), "--metrics-host", "127.0.0.1"]
        with self.path.open("w") as log:
            self.process = subprocess.Popen(
                [*command, *flags],
                env={**os.environ, "KRONSTREAM_REDIS_URL": url, **environ},
                stdout=log,
                stderr=log,
            )

    @property
    def log(self) -> str:
        return self.path.read_text()

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def ready(self) -> Worker:
        eventually(lambda: self.get("/readyz")[0] == 200, within=120, because=f"\n{self.log}")
        return self

    @property
    def loop(self) -> psutil.Process:
        """The loop process; raises AssertionError while there is none."""
        for child in psutil.Process(self.process.pid).children():
            if any("kronstream.worker.process" in part for part in child.cmdline()):
                return child
        raise AssertionError("no loop process")

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self, number: int = signal.SIGTERM, within: float = 30) -> int:
        self.process.send_signal(number)
        return self.process.wait(within)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)


class Bench:
    """Redis at `url`, the ports on it, and workers; use `close` at the end."""

    def __init__(self, folder: Path, path: Path) -> None:
        self.folder = folder
        self.url = f"unix://{path}"
        self.keys = Keys()
        self.redis: Redis = Redis.from_url(self.url, decode_responses=True)
        self.redis.flushall()
        self.redis.config_set("maxmemory-policy", "noeviction")
        self.redis.set(self.keys.epoch, EPOCH)
        self.workers: list[Worker] = []
        self._nominal = now() - 9_000

    def worker(self, *flags: str, **options: Any) -> Worker:
        worker = Worker(self.folder, self.url, *flags, **options)
        self.workers.append(worker)
        return worker

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()
        self.redis.close()

    def ask(self, question: Callable[[Any], Awaitable[Value]]) -> Value:
        """Answers a coroutine function that is given an async client."""

        async def asked() -> Value:
            client = connect(self.url)
            try:
                return await question(client)
            finally:
                await client.aclose(close_connection_pool=True)

        return asyncio.run(asked())

    def dispatch(
        self, function: str, payload: Any = None, count: int = 1, job: Mapping[str, Any] | None = None, **work: Any
    ) -> list[str]:
        """Dispatch a new job's runs; their ids. `job` are fields of its adoption, `work` those of what runs execute."""
        uid = str(uuid.uuid4())
        self._nominal += 10
        fields = {"function": function, "payload": payload, "timeout": 60_000, **work}

        async def go(client: Any) -> list[str]:
            ledger = RedisLedger(client, self.keys, GROUP)
            kept = {"keep_good": 1_000, "keep_bad": 1_000}
            told = adoption(uid, function=function, cursor=self._nominal, work_fields=fields, **{**kept, **(job or {})})
            (answer,) = await ledger.adopt([told])
            assert isinstance(answer, Adopted)
            due = [answer.cursor + 1 + number for number in range(count)]
            assert await ledger.dispatch(EPOCH, [dispatch(answer.cursor, *due, uid=uid)]) == [(Verdict.OK, 0)]
            return [run_id(uid, Trigger.SCHEDULE, str(instant)) for instant in due]

        return self.ask(go)

    def record(self, run: str) -> Execution:
        found = self.ask(lambda client: Records(client, self.keys).get(run))
        assert found is not None
        return found

    def over(self, run: str, within: float = 60) -> Execution:
        """The record of a run once it is over."""

        def terminal() -> Execution | None:
            record = self.record(run)
            return record if record.state.terminal else None

        logs = "\n".join(worker.log for worker in self.workers)
        found = eventually(terminal, within=within, because=f"{self.record(run)}\n{logs}")
        assert found is not None
        return found

    def cancel(self, *runs: str) -> list[Change]:
        return self.ask(lambda client: RedisRequests(client, self.keys, GROUP).cancel(runs, "somebody"))

    def cards(self) -> list[WorkerCard]:
        return self.ask(lambda client: RedisRunQueue(client, self.keys, GROUP).workers())

    def pending(self) -> int:
        stream = self.keys.base
        if not self.redis.exists(stream):
            return 0
        return sum(group["pending"] for group in self.redis.xinfo_groups(stream))
