"""A whole installation for tests: a control plane with operators and workers as processes."""

import asyncio
import os
import re
import signal
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil
from redis import Redis

from eventually import eventually
from integration.objects import Object, Objects
from integration.service import Answer, Service, ask
from kronstream.dev.components import ACCOUNTS, CONSUMERS, KRONSTREAM, Component
from kronstream.dev.controlplane import ControlPlane
from kronstream.dev.loopback import free_ports
from kronstream.dev.process import Process
from kronstream.ports import Execution
from kronstream.streams.connection import connect
from kronstream.streams.keys import Keys
from kronstream.streams.records import Records

HANDLERS = Path(__file__).with_name("probe_handlers.py")
SEEN = "probe:seen"  # the list to which the handlers of `probe_handlers.py` append
SPANS = "probe:spans"
START = 120.0  # seconds until a component says that it is ready
BAD_LINE = re.compile(r"\b(ERROR|CRITICAL)\b|^ *Traceback |Task exception was never retrieved|was never awaited")


class Installation:
    """Operators `operator-1`…, routers, workers and APIs on a control plane; a context manager.

    `apis` tells for each API whether it asks for a token (token, none), `environ` is given to all. The parts of the
    control plane are under `plane`; a part started again has the same name, port and log file. `complaints` tells what
    no test should leave in the logs.
    """

    def __init__(
        self,
        plane: ControlPlane,
        *,
        operators: int = 2,
        workers: int = 0,
        routers: int = 0,
        apis: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
        handlers: Path = HANDLERS,
    ) -> None:
        self.plane = plane
        self.keys = Keys()
        self.objects = Objects(plane)
        self.redis: Redis = Redis.from_url(plane.redis_url, decode_responses=True)
        self._environ = dict(environ or {})
        self._handlers = handlers
        self._apis = apis
        self._read: dict[str, int] = {}
        self._allowed: list[str] = []
        self._namespaces: set[str] = set()
        counts = {"operator": operators, "router": routers, "worker": workers, "api": len(apis)}
        made = [self._component(role, number) for role, count in counts.items() for number in range(1, count + 1)]
        self.components: dict[str, Component] = {component.name: component for component in made}

    @property
    def environ(self) -> Mapping[str, str]:
        """What is given to all components."""
        return self._environ

    # -- life ----------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        try:
            self.start(*self.components)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends every component."""
        self.stop(*self.components)
        self.redis.close()

    def url(self, name: str = "api-1") -> str:
        """The base path of an API."""
        return f"http://127.0.0.1:{self.components[name].port}/api/v1/scheduler"

    def start(self, *names: str, wait: bool = True) -> None:
        """Starts components, all at once, and waits until each says that it is ready."""
        chosen = [self.components[name] for name in names]
        for component in chosen:
            component.process.start()
        for component in chosen if wait else ():
            component.process.wait_until(component.ready, START)

    def stop(self, *names: str, number: int = signal.SIGTERM, grace: float = 10.0) -> None:
        """Ends components, all at once; SIGKILL is a crash."""
        chosen = [self.components[name].process for name in names]
        for process in chosen:
            process.begin_stop(number)
        for process in chosen:
            process.finish_stop(grace)

    def add_worker(self, handlers: Path) -> str:
        """One more worker, with other handlers, not started yet; its name."""
        component = self._component("worker", len(self.workers) + 1, handlers)
        self.components[component.name] = component
        return component.name

    def send(self, name: str, number: int) -> None:
        """A signal to one component: SIGSTOP freezes, SIGCONT thaws."""
        self.components[name].process.send(number)

    def kill_loop(self, worker: str) -> None:
        """Kills the loop process of a worker, as the kernel does when memory runs out; its supervisor lives."""
        pid = self.components[worker].process.pid
        for child in psutil.Process(pid).children():
            if any("kronstream.worker.process" in part for part in child.cmdline()):
                child.kill()
                return
        raise AssertionError(f"{worker} has no loop process")

    @property
    def operators(self) -> tuple[str, ...]:
        """Names of the operators."""
        return tuple(name for name in self.components if name.startswith("operator-"))

    @property
    def routers(self) -> tuple[str, ...]:
        """Names of the routers."""
        return tuple(name for name in self.components if name.startswith("router-"))

    @property
    def workers(self) -> tuple[str, ...]:
        """Names of the workers."""
        return tuple(name for name in self.components if name.startswith("worker-"))

    # -- jobs ----------------------------------------------------------------------------------------------------

    def apply(self, *jobs: Object) -> list[Object]:
        """Applies jobs; the objects as the server keeps them."""
        self._namespaces |= {job["metadata"]["namespace"] for job in jobs}
        return [self.objects.apply(job) for job in jobs]

    def wait(self, job: Object, until: Callable[[Object], Any], within: float = 10.0) -> Object:
        """The job once `until` holds."""
        return self.objects.wait(job, until, within)

    def delete(self, *jobs: Object) -> None:
        """Deletes jobs."""
        for job in jobs:
            self.objects.delete(job)

    def clear(self) -> None:
        """Deletes every job that was applied here, so that it is no load on the next test."""
        for namespace in self._namespaces:
            self.objects.delete_all(namespace)

    # -- runs ----------------------------------------------------------------------------------------------------

    def ask(self, question: Callable[[Service], Awaitable[Answer]]) -> Answer:
        """What the internal service answers: run now, retry, cancel, skip, pause, backfill; raises Refused."""
        return ask(self.plane.redis_url, question)

    def records(self, job: Object, limit: int = 1_000) -> list[Execution]:
        """Execution records of a job, the oldest nominal instant first."""

        async def read() -> list[Execution]:
            redis = connect(self.plane.redis_url)
            try:
                return await Records(redis, self.keys).of_job(job["metadata"]["uid"], limit)
            finally:
                await redis.aclose()

        return sorted(asyncio.run(read()), key=lambda run: run.nominal or 0)

    def entries(self, job: Object, queue: str = "default", lane: str = "medium") -> list[tuple[int, int]]:
        """What waits in the stream for a job: (nominal, instant of the entry), in the order of the stream."""
        found = self.redis.xrange(self.keys.lane(queue, lane))
        uid = job["metadata"]["uid"]
        return [(int(entry["nominal"]), int(eid.partition("-")[0])) for eid, entry in found if entry.get("uid") == uid]

    def pending(self, queue: str = "default", lane: str = "medium", group: str = "scheduler-workers") -> int:
        """How many entries are delivered but not acknowledged."""
        stream = self.keys.lane(queue, lane)
        return int(self.redis.xpending(stream, group)["pending"]) if self.redis.exists(stream) else 0

    def lasting(self, job: Object) -> list[str]:
        """What in Redis names a job and would stay for ever: keys without time to live, members of other keys.

        A deleted job is listed as long as its history is.
        """
        uid, found = job["metadata"]["uid"], []
        listed = (SEEN, SPANS, *((self.keys.gone, self.keys.by_name) if self.redis.exists(self.keys.past(uid)) else ()))
        for key in self.redis.scan_iter(count=1_000):
            if uid in key:
                found += [key] if self.redis.pttl(key) < 0 else []
            elif key not in listed and uid in str(self._content(key)):
                found.append(key)
        return found

    def _content(self, key: str) -> Any:
        read = {
            "string": self.redis.get,
            "hash": self.redis.hgetall,
            "list": lambda key: self.redis.lrange(key, 0, -1),
            "set": self.redis.smembers,
            "zset": lambda key: self.redis.zrange(key, 0, -1),
            "stream": self.redis.xrange,
        }
        kind = self.redis.type(key)
        # a key may have ended since it was found
        return read[kind](key) if kind in read and self.redis.pttl(key) == -1 else None

    def seen(self, job: Object) -> list[dict[str, Any]]:
        """What the handlers of `probe_handlers.py` say they were called with for a job, in order.

        Each has `run`, `nominal` (ms), `attempt`, `at` (ms) and `worker` (process id).
        """
        uid = job["metadata"]["uid"]
        rows = (row.split("|") for row in self.redis.lrange(SEEN, 0, -1))
        return [
            {"run": run, "nominal": int(nominal), "attempt": int(attempt), "at": int(at), "worker": int(pid)}
            for run, nominal, attempt, at, pid in rows
            if run.startswith(uid)
        ]

    def spans(self, *jobs: Object) -> list[dict[str, Any]]:
        """When `probe:span` began and ended for any of some jobs, by beginning.

        Each has `run`, `begin`, `end` (ms) and `how`: done or cancelled; one that goes on, or was killed, has none.
        """
        uids = tuple(job["metadata"]["uid"] for job in jobs)
        rows = (row.split("|") for row in self.redis.lrange(SPANS, 0, -1))
        found = [
            {"run": run, "begin": int(begin), "end": int(end), "how": how}
            for run, begin, end, how in rows
            if run.startswith(uids)
        ]
        return sorted(found, key=lambda span: span["begin"])

    # -- logs ----------------------------------------------------------------------------------------------------

    def log(self, name: str) -> str:
        """All that a component has logged."""
        path = self.components[name].process.log.path
        return path.read_text(errors="replace") if path.exists() else ""

    def allow(self, *patterns: str) -> None:
        """Lines that match one of these may be logged by the present test."""
        self._allowed += patterns

    def complaints(self) -> list[str]:
        """Unexpected lines in any log since the last call; forgets what was allowed."""
        found = [f"{name}: {line}" for name in self.components for line in self._new_complaints(name)]
        self._allowed = []
        return found

    def _new_complaints(self, name: str) -> Iterable[str]:
        text = self.log(name)
        begin, self._read[name] = self._read.get(name, 0), len(text)
        for line in text[begin:].splitlines():
            if BAD_LINE.search(line) and not any(re.search(pattern, line) for pattern in self._allowed):
                yield line

    # -- making --------------------------------------------------------------------------------------------------

    def _component(self, role: str, number: int, handlers: Path | None = None) -> Component:
        name = f"{role}-{number}"
        (port,) = free_ports(1)
        arguments = ("--handlers", str(handlers or self._handlers)) if role == "worker" else ()
        environ = {
            **os.environ,
            "KUBECONFIG": str(self.plane.kubeconfig_for(f"kronstream-{ACCOUNTS.get(role, role)}")),
            "KRONSTREAM_REDIS_URL": self.plane.redis_url,
            "KRONSTREAM_METRICS_PORT": str(port),
            "KRONSTREAM_METRICS_HOST": "127.0.0.1",
            "KRONSTREAM_API_PORT": str(port),
            "KRONSTREAM_API_HOST": "127.0.0.1",
            **({"KRONSTREAM_API_AUTH": self._apis[number - 1]} if role == "api" else {}),
            "PROBE_REDIS_URL": self.plane.redis_url,
            "PYTHONUNBUFFERED": "1",
            **({"KRONSTREAM_CONSUMER_NAME": name} if role in CONSUMERS else {}),
            **({"KRONSTREAM_GRACE": "5s"} if role == "worker" else {}),
            **self._environ,
        }
        log = self.plane.logs / f"{name}.log"
        return Component(Process(name, [*KRONSTREAM, role, *arguments], log, environ=environ), port)


@contextmanager
def elsewhere(environ: Mapping[str, str], *secrets: str) -> Iterator[Installation]:
    """Each part once, with a Redis that `environ` tells of; no log tells one of the secrets."""
    with (
        ControlPlane() as plane,
        closing(Installation(plane, operators=1, routers=1, workers=1, apis=("none",), environ=environ)) as made,
    ):
        made.start(*made.components, wait=False)
        for component in made.components.values():
            eventually(component.ready, within=120, because=component.name)
        yield made
        complaints = made.complaints()
        logs = "".join(made.log(name) for name in made.components)
    assert not complaints, "\n".join(complaints)
    assert not [one for one in secrets if one in logs]
