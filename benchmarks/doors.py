"""The HTTP API beside a bare FastAPI route and beside the API server's own answers, over 10,000 jobs and a million
records; and lists of executions as kubectl asks for them."""

from __future__ import annotations

import asyncio
import json
import os
import random
import ssl
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.bare import JOBS, create, job
from benchmarks.events import PATH as HANDLERS
from benchmarks.events import TYPE, handler, listening
from benchmarks.httpload import Ask, Door, Rush
from benchmarks.installation import control_plane, running
from benchmarks.records import Owner, copy
from benchmarks.report import Report, judged, middle, share_of, spread
from kronstream.cluster.api import ClusterApi
from kronstream.dev.components import Component, component, operators, routers, workers
from kronstream.dev.controlplane import ControlPlane
from kronstream.dev.extension import Extension
from kronstream.dev.loopback import free_ports
from kronstream.dev.process import Process
from kronstream.operations import Runs
from kronstream.ports import JobName, Place
from kronstream.runsapi.names import ROOT
from kronstream.runsapi.token import Token
from kronstream.streams.connection import connect
from kronstream.streams.keys import Keys
from kronstream.streams.records import Records
from kronstream.streams.requests import RedisRequests

COUNT, TAGS = 10_000, 10
OWNERS, EACH = 50, 10_000  # jobs with a history, and how many records each has of successes, and of failures
RECORDS = OWNERS * EACH * 2
ROUNDS, SECONDS = 5, 2.0
PACE, PACED = 100.0, 10.0  # requests a second, seconds
SHARE, LATEST = 0.5, 10.0  # of the bare route's rate; ms
PAGE, CHUNK = 20, 500
BASE = "/api/v1/scheduler"
JSON = "application/json"
TABLE = f"{JSON};as=Table;v=v1;g=meta.k8s.io"
UNLIMITED = {"KRONSTREAM_API_RATE": "100000000"}
ROOT_FOLDER = Path(__file__).parents[1]


@dataclass(frozen=True)
class Call:
    """What is asked of the API, of the bare route and of the API server; ``share`` and ``latest`` are its goals."""

    what: str
    door: Door
    ask: Ask
    wanted: int = 200
    share: float | None = None
    latest: float | None = None
    server: Ask | None = None
    server_wanted: int = 200
    body: bytes = b""


@dataclass(frozen=True)
class Doors:
    """The servers that are asked, and what is in them."""

    plane: ControlPlane
    api: Door
    server: Door
    owners: Sequence[Owner]
    first: dict[str, Any]
    last: int


def jobs() -> list[dict[str, Any]]:
    """Jobs as people write them; the first of them keep a long history, the last one is what events run."""
    made = []
    for number in range(COUNT - 1):
        tags = [f"tag-{number % TAGS}", "nightly"]
        body = job(
            f"job-{number:05}", schedule=f"{number % 60} 2 * * *", displayName=f"Job {number}", tags=tags,
            payload={"number": number}, platformId=f"platform-{number % 100}", createdBy="admin",
        )  # fmt: skip
        if number < OWNERS:
            body["spec"]["history"] = {"successful": EACH, "failed": EACH}
        made.append(body)
    return [*made, job("target", queue="nobody")]


async def templates(plane: ControlPlane, api: ClusterApi, redis: Any) -> tuple[str, str]:
    """Two runs that a worker executed: one that succeeded, one that failed."""
    bodies = [job("good", handler={"function": {"name": "bench:async"}}, payload={"greeting": "hello"}),
              job("bad", handler={"function": {"name": "bench:broken"}}, retry={"limit": 0})]  # fmt: skip
    await create(api, "default", bodies)
    listed = (await api.send("GET", JOBS.format("default")))["items"]
    requests, records = RedisRequests(redis, Keys(), "scheduler-workers"), Records(redis, Keys())
    uids = {item["metadata"]["name"]: item["metadata"]["uid"] for item in listed}
    async with asyncio.timeout(60), running(workers(plane, 1, str(Path(__file__).with_name("handlers.py")))):
        while await redis.exists(*(Keys().job(uid) for uid in uids.values())) < len(uids):
            await asyncio.sleep(0.05)
        started = [(await Runs(requests, records).run_now(uids[name], "template")).run for name in ("good", "bad")]
        for run in started:
            while (record := await records.get(run)) is None or not record.state.terminal:
                await asyncio.sleep(0.05)
    return started[0], started[1]


@asynccontextmanager
async def furnished(report: Report) -> AsyncIterator[Doors]:
    """10,000 jobs and a million records behind an API and an extension API server; the operators have left."""
    async with control_plane(aggregation=True) as (plane, kube):
        redis = connect(plane.redis_url, timeout=60)
        extension = Extension(plane)
        plane.apply(json.dumps(extension.service))
        runs = extension.component()
        keepers = [*operators(plane, 1, extension.operator_environ), *routers(plane, 1)]
        async with running([runs]), running([component(plane, "api", 1, environ=UNLIMITED)]) as (api,):
            async with running(keepers):
                good, bad = await templates(plane, kube, redis)
                await create(kube, "default", jobs())
                await kube.send("POST", HANDLERS, handler("listens", TYPE), want=False)
                await listening(redis, kube, 1)
                while await redis.zcard(Keys().by_name) < COUNT + 2 or await redis.zcard(Keys().dirty):
                    await asyncio.sleep(0.1)
                listed = (await kube.send("GET", f"{JOBS.format('default')}?limit={OWNERS + 10}"))["items"]
                named = sorted((one for one in listed if one["metadata"]["name"].startswith("job-")), key=_name)
                owners = [Owner(one["metadata"]["uid"], _name(one)) for one in named[:OWNERS]]
                # an operator that ends takes the APIService with it
                last = int(time.time() - 60) * 1000
                size = await copy(redis, good, "success", owners, EACH, last)
                report.add("Redis memory a success", size, "bytes", size / 1000, judged(size, below=1000))
                size = await copy(redis, bad, "failed", owners, EACH, last + 500)
                report.add("Redis memory a failure", size, "bytes", size / 1000, "with its traceback")
                for one in keepers[:1]:
                    one.process.stop(9)
            context = ssl.create_default_context(cafile=str(plane.authority))
            admin = plane.folder / "pki" / "admin"
            context.load_cert_chain(admin.with_suffix(".crt"), admin.with_suffix(".key"))
            ours, server = Door(api.port, api.process.pid), Door(plane.ports.apiserver, None, context)
            yield Doors(plane, ours, server, owners, named[0], last)
        await redis.aclose(close_connection_pool=True)


def _name(obj: dict[str, Any]) -> str:
    return str(obj["metadata"]["name"])


def calls(doors: Doors) -> list[Call]:
    """Every call that is measured."""
    api, server, chance = doors.api, doors.server, random.Random(1)
    path = JOBS.format("default")
    uid, name = doors.first["metadata"]["uid"], _name(doors.first)
    fixed = {"get": api.request("GET", f"{BASE}/jobs/{uid}"), "kube": server.request("GET", f"{path}/{name}")}
    twenty = server.request("GET", f"{path}?limit={PAGE}")

    def deep(_: int) -> bytes:
        owner, offset = chance.choice(doors.owners), chance.randrange(2 * EACH - PAGE)
        return api.request("GET", f"{BASE}/jobs/{owner.uid}/executions?limit={PAGE}&offset={offset}")

    def failed(_: int) -> bytes:
        owner, offset = chance.choice(doors.owners), chance.randrange(EACH - PAGE)
        return api.request("GET", f"{BASE}/jobs/{owner.uid}/executions?limit={PAGE}&offset={offset}&status=failed")

    def listed(_: int) -> bytes:
        return api.request("GET", f"{BASE}/jobs?limit={PAGE}&offset={chance.randrange(COUNT - PAGE)}")

    def one_filter(_: int) -> bytes:
        return api.request("GET", f"{BASE}/jobs?limit={PAGE}&tag=tag-{chance.randrange(TAGS)}")

    def more_filters(_: int) -> bytes:
        offset = chance.randrange(COUNT // TAGS - PAGE)
        query = f"limit={PAGE}&offset={offset}&tag=tag-{chance.randrange(TAGS)}&status=active&type=cron"
        return api.request("GET", f"{BASE}/jobs?{query}")

    reads = [
        Call("GET a job", api, lambda _: fixed["get"], share=SHARE, server=lambda _: fixed["kube"]),
        Call(f"list {PAGE} of {COUNT:,} jobs", api, listed, share=SHARE, latest=LATEST, server=lambda _: twenty),
        Call("list by a tag", api, one_filter, share=SHARE, latest=LATEST),
        Call("list by tag, status and type", api, more_filters, share=SHARE, latest=LATEST),
        Call(f"page deep in {RECORDS:,} records", api, deep, share=SHARE, latest=LATEST),
        Call("page deep in those that failed", api, failed, latest=LATEST),
    ]
    return [*reads, *_writes(doors)]


def _writes(doors: Doors) -> list[Call]:
    api, server, path = doors.api, doors.server, JOBS.format("default")
    made = {"name": "Daily Cleanup", "schedule": "0 2 * * *", "handler_name": "echo", "payload": {"days": 30}}
    event = {"event_name": TYPE, "data": {"workflow_id": "workflow-123", "status": "completed", "duration_ms": 45_000}}

    def posted(_: int) -> bytes:
        body = json.dumps({**made, "name": f"made {uuid.uuid4().hex}"}).encode()
        return api.request("POST", f"{BASE}/jobs/cron", body)

    def applied(_: int) -> bytes:
        body = json.dumps(job(f"made-{uuid.uuid4().hex}", schedule="0 2 * * *", payload={"days": 30})).encode()
        return server.request("POST", path, body)

    trigger = api.request("POST", f"{BASE}/events/trigger", json.dumps(event).encode())
    return [
        Call("create a job", api, posted, 201, server=applied, server_wanted=201, body=json.dumps(made).encode()),
        Call("trigger an event, a run each", api, lambda _: trigger, body=json.dumps(event).encode()),
    ]


async def measured(call: Call, bare: Door, sizes: dict[str, int], doors: Doors, report: Report) -> None:
    """The rates of all three in turn, then how long an answer takes at an even pace."""
    method = "POST" if call.body else "GET"
    plain = bare.request(method, f"/{sizes[call.what]}", call.body)
    ours, theirs, servers = list[Rush](), list[Rush](), list[float]()
    for _ in range(ROUNDS):
        ours.append(await call.door.rush(call.ask, call.wanted, SECONDS))
        theirs.append(await bare.rush(lambda _: plain, 200, SECONDS))
        if call.server is not None:
            servers.append((await doors.server.rush(call.server, call.server_wanted, SECONDS)).rate)
    ratio = middle([one.rate / other.rate for one, other in zip(ours, theirs, strict=True)])
    goal = "" if call.share is None else judged(ratio, at_least=call.share)
    rates, limits = [one.rate for one in ours], [one.rate for one in theirs]
    report.add(call.what, middle(rates), "/s", ratio, f"{goal}; {spread(rates)}".lstrip("; "))
    # what others do on the machine changes this less than the rate
    each, least = middle([one.each for one in ours]), middle([one.each for one in theirs])
    report.add("  processor time an answer", each, "us", least / each, f"bare: {least:,.0f} us")
    await paced(call, report)
    report.add("  bare route", middle(limits), "/s", 1.0, f"{sizes[call.what]:,} bytes; {spread(limits)}")
    if servers:
        share = middle([one / other for one, other in zip(servers, limits, strict=True)])
        report.add("  the API server", middle(servers), "/s", share, spread(servers))


async def paced(call: Call, report: Report) -> None:
    """How long an answer takes at an even pace."""
    took = await call.door.paced(call.ask, call.wanted, PACE, PACED)
    half, nearly = share_of(took, 0.5), share_of(took, 0.99)
    goal = "" if call.latest is None else judged(nearly, below=call.latest)
    report.add(f"  at {PACE:.0f}/s, p50", half, "ms", None if call.latest is None else half / call.latest)
    report.add(f"  at {PACE:.0f}/s, p99", nearly, "ms", None if call.latest is None else nearly / call.latest, goal)


async def executions(doors: Doors, report: Report) -> None:
    """A page of a list as kubectl asks for it: by kube-apiserver, which asks the extension API server."""
    server, chance = doors.server, random.Random(2)
    jobs_page = server.request("GET", f"{JOBS.format('default')}?limit={CHUNK}", accept=TABLE)

    def page(token: str) -> bytes:
        return server.request("GET", f"{ROOT}/executions?limit={CHUNK}{token}", accept=TABLE)

    def deep(_: int) -> bytes:
        owner, rank = chance.choice(doors.owners), chance.randrange(EACH)
        due = doors.last - rank * 1000
        place = Place(due + 7, f"{owner.uid}-s{due}")
        return page("&continue=" + Token(JobName("default", owner.name, owner.uid), place, doors.last + 60_000).text())

    async with asyncio.timeout(60):
        while (await server.once(page(""))).status != 200:
            await asyncio.sleep(0.2)
    asks: dict[str, Callable[[int], bytes]] = {
        f"executions: the first {CHUNK}": lambda _: page(""),
        f"executions: {CHUNK} from a deep continue": deep,
        f"the API server's own: {CHUNK} ScheduledJobs": lambda _: jobs_page,
    }
    rates: dict[str, list[float]] = {what: [] for what in asks}
    for _ in range(ROUNDS):
        for what, ask in asks.items():
            rates[what].append((await server.rush(ask, 200, SECONDS, lanes=4)).rate)
    own = middle(rates[list(asks)[-1]])
    for what, ask in asks.items():
        report.add(what, middle(rates[what]), "/s", middle(rates[what]) / own, spread(rates[what]))
        took = await server.paced(ask, 200, PACE / 10, PACED)
        for share in (0.5, 0.99):
            report.add(f"  at {PACE / 10:.0f}/s, p{share * 100:.0f}", share_of(took, share), "ms")


@asynccontextmanager
async def bare_api(folder: Path, sizes: Sequence[int]) -> AsyncIterator[Door]:
    """The bare application, a process as the API is one."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "benchmarks.bareapi", str(port), *map(str, sorted(set(sizes)))]
    process = Process("bare", command, folder / "bare.log", environ=dict(os.environ), folder=ROOT_FOLDER)
    async with running([Component(process, port)]):
        yield Door(port, process.pid)


async def measure(report: Report) -> None:
    async with furnished(report) as doors:
        load = os.getloadavg()[0]
        wanted = calls(doors)
        sizes = {}
        for call in wanted:
            answer = await call.door.once(call.ask(0))
            assert answer.status == call.wanted, f"{call.what}: {answer.status} {answer.body[:500]!r}"
            sizes[call.what] = len(answer.body)
        async with bare_api(doors.plane.logs, list(sizes.values())) as bare:
            for call in wanted:
                await measured(call, bare, sizes, doors, report)
        await executions(doors, report)
        report.add("load of the machine before it, and after it", load, "", None, f"{os.getloadavg()[0]:.1f}")


def main() -> None:
    report = Report("doors", f"{COUNT:,} jobs, {RECORDS:,} records, one API process, no authentication, AOF everysec")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(measure(report))
    report.show()
