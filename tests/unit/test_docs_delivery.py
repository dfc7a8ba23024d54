"""docs/delivery.md says what the program does: every figure, table and example on it."""

from __future__ import annotations

import inspect
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import click
import pytest
import yaml

from builders import card
from contract.acts import dispatched, more, record, taken
from contract.stores import ModelStore
from kronstream.cli.options import settings_from
from kronstream.cli.worker import worker
from kronstream.controller.operator import SWEEP
from kronstream.domain import duration
from kronstream.domain.limits import Gate
from kronstream.domain.run import Lane
from kronstream.ports import bounds
from kronstream.readers import MOST_QUEUES, worker_limits
from kronstream.resources import Spec, parse_spec
from kronstream.resources.handler import TYPES
from kronstream.resources.history import History
from kronstream.resources.payload import MAX_BYTES, MAX_DEPTH
from kronstream.resources.status import MAX_UNFINISHED
from kronstream.settings import WorkerSettings
from kronstream.streams import runqueue, wires
from kronstream.streams.connection import SOCKET_TIMEOUT
from kronstream.streams.runqueue import MESSAGE_LIMIT, RedisRunQueue
from kronstream.testing import runqueue as model
from kronstream.testing.admission import LANE_LIMIT
from kronstream.testing.ending import ATTEMPTS
from kronstream.testing.handlers import run_handler
from kronstream.testing.store import RECHECK
from kronstream.testing.watching import HOLD
from kronstream.worker import backoff, heart, progress
from kronstream.worker.consumer import unsent_limit
from kronstream.worker.context import Run, moment
from kronstream.worker.elsewhere import streamtype
from unit import docpage, docparts, docruns
from unit.docpage import ROOT, Block, Table, code

PATH = ROOT / "docs" / "delivery.md"
PAGE = PATH.read_text("utf-8")
FLAT = " ".join(PAGE.split())
BLOCKS = docpage.blocks(PATH)
PYTHON = [block for block in BLOCKS if block.language == "python"]
COMMANDS = {block.heading: block.text for block in BLOCKS if block.language == "sh"}
SETTINGS = WorkerSettings()


def table(heading: str, number: int = 0) -> Table:
    return [one for one in docpage.tables(PATH) if one.heading == heading][number]


def options(heading: str) -> WorkerSettings:
    """The settings of the command under a heading."""
    program, name, *arguments = COMMANDS[heading].split()
    assert (program, name) == ("kronstream", "worker")
    context = worker.make_context("worker", arguments, resilient_parsing=False)
    assert isinstance(context, click.Context)
    return settings_from(WorkerSettings, context.params)


def test_the_page_is_read_whole() -> None:
    assert {block.language for block in BLOCKS} == {"yaml", "python", "sh"}
    assert (len(PYTHON), len(COMMANDS), len(docpage.tables(PATH))) == (3, 2, 5)


@pytest.mark.parametrize("block", [one for one in BLOCKS if one.language == "yaml"], ids=lambda one: f"line {one.line}")
def test_an_example_is_a_job_that_the_operator_takes(block: Block) -> None:
    docparts.good([docruns.around(docruns.fields(block.text))])


def test_a_flow_mapping_in_a_sentence_is_a_field() -> None:
    assert parse_spec({"handler": docruns.HANDLER, **yaml.safe_load("retry: {limit: 0}")}).retry.limit == 0
    assert "`retry: {limit: 0}`" in PAGE


# the handlers on the page, each done twice for one run

Handler = Callable[..., Any]


def handler(number: int, name: str, tmp_path: Path) -> Handler:
    source = tmp_path / f"page_{number}.py"
    source.write_text(re.sub(r"^@handler.*\n", "", PYTHON[number].text, flags=re.MULTILINE), "utf-8")
    space: dict[str, Any] = {"__name__": "page"}
    exec(compile(source.read_text("utf-8"), str(source), "exec"), space)
    found: Handler = space[name]
    return found


def test_a_charge_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    charge = handler(0, "charge", tmp_path)
    payload = {"account": "a", "cents": 100}
    told = [run_handler(charge, payload, id=run, attempt=attempt) for run, attempt in (("r1", 1), ("r1", 2), ("r2", 1))]
    assert [trial.result for trial in told] == ["charged", "was charged before", "charged"]
    with sqlite3.connect("billing.db") as db:
        assert db.execute("SELECT run, cents FROM charges ORDER BY run").fetchall() == [("r1", 100), ("r2", 100)]


@pytest.fixture
def service() -> Iterator[tuple[str, list[str | None]]]:
    keys: list[str | None] = []

    class Service(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            keys.append(self.headers.get("Idempotency-Key"))
            self.send_response(201)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Service) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", keys
        server.shutdown()
        thread.join()


def test_a_service_gets_the_key(tmp_path: Path, service: tuple[str, list[str | None]]) -> None:
    url, keys = service
    invoice = handler(1, "invoice", tmp_path)
    assert [run_handler(invoice, {"url": url}, id="r1", attempt=number).result for number in (1, 2)] == [201, 201]
    assert keys == ["r1", "r1"]


def test_a_report_is_one_file(tmp_path: Path) -> None:
    write = handler(2, "write", tmp_path)
    folder = tmp_path / "reports"
    folder.mkdir()
    nominal = moment(docruns.CREATED)
    told = [run_handler(write, {"folder": str(folder)}, id="r1", attempt=n, nominal=nominal) for n in (1, 2)]
    assert [trial.result for trial in told] == ["report-20261123T120000Z.csv"] * 2
    assert [path.name for path in folder.iterdir()] == [told[0].result]


# priorities


async def reads(store: ModelStore) -> list[list[Lane]]:
    """The order in which each of eight turns reads the lanes."""
    for lane in Lane:
        await dispatched(store, 1, uid=f"job-{lane.value}", lane=lane)
    found = []
    for _ in range(8):
        claims = await taken(store, 4)
        found.append([claim.lane for claim in claims])
        await store.queue.release(card(), claims)
    return found


@pytest.mark.anyio
async def test_each_turn_reads_the_lanes_as_told() -> None:
    told = [[code(part) for part in row[1].split(", ")] for row in table("Priorities").rows]
    assert told == [[lane.value for lane in lanes] for lanes in await reads(ModelStore())]
    assert runqueue.TURNS == len(told) == 8
    lua = (ROOT / "operator/kronstream/streams/lua/take.lua").read_text("utf-8")
    for turn, lanes in enumerate(told, 1):
        own = re.search(rf"\['{turn}'\] = {{ ([^}}]+) }}", lua.replace("ORDERS['5'] = ORDERS['2']", ""))
        order = own[1].replace("'", "") if own else ", ".join(told[1 if turn == 5 else 0])
        assert order == ", ".join(lanes)


@pytest.mark.anyio
async def test_shares_of_full_lanes() -> None:
    store = ModelStore()
    for lane in (Lane.HIGH, Lane.MEDIUM, Lane.LOW):
        await dispatched(store, 8, uid=f"job-{lane.value}", lane=lane)
    counted = Counter([(await taken(store, 1))[0].lane.value for _ in range(8)])
    assert {code(row[0]): int(row[1]) for row in table("Priorities", 1).rows} == dict(counted)


def test_the_priorities_of_a_job() -> None:
    assert f"`{Spec.model_fields['priority'].default}` (when left out)" in PAGE
    assert sorted(set(re.findall(r"`(critical|high|medium|low)`", PAGE))) == sorted(lane.value for lane in Lane)


# queues and limits


def test_the_command_for_queues() -> None:
    assert options("Queues").queues == {"reports": 4, "default": 100}
    (variable,) = re.findall(r"`KRONSTREAM_QUEUE=([^`]+)`", PAGE)
    assert WorkerSettings.__dataclass_fields__["queue"].metadata["read"](variable) == options("Queues").queue


def test_the_command_for_limits() -> None:
    limits = options("Limits over all workers").limits
    assert limits.shape() == {
        "queues": {"reports": {"name": "q/reports", "max": 10}},
        "functions": {"mail:send": {"name": "f/mail:send", "max": 3, "count": 100, "per": 60_000}},
    }


@pytest.mark.parametrize("row", table("Limits over all workers").rows, ids=lambda row: row[0])
def test_a_limit_means_what_is_told(row: tuple[str, ...]) -> None:
    limits = worker_limits(code(row[0]))
    ((kind, gates),) = [(kind, gates) for kind, gates in vars_of(limits) if gates]
    ((name, gate),) = gates.items()
    assert row[1] == said(f"of the {kind} `{name}`", gate)


def vars_of(limits: Any) -> list[tuple[str, dict[str, Gate]]]:
    return [("queue", dict(limits.queues)), ("function", dict(limits.functions))]


def said(subject: str, gate: Gate) -> str:
    most = f"at most {gate.max} runs execute at a time" if gate.max is not None else ""
    pace = f"at most {gate.count} attempts begin in {duration.render(gate.per or 0)}" if gate.count is not None else ""
    return f"{subject} {most}, and {pace}" if most and pace else f"{subject} {most or pace}"


def test_handler_types_are_named() -> None:
    names = re.search(r"takes the name of a handler type as well: ([^.]+)\.", FLAT)
    assert names
    assert re.findall(r"`@(\w+)`", names[1]) == [name for name in TYPES if name != "function"]


@pytest.mark.anyio
async def test_a_pace_begins_with_a_burst_and_a_retry_counts() -> None:
    store = ModelStore()
    await dispatched(store, 5, function="echo")
    limited = card(limits=worker_limits("function:echo=2/1m").shape())
    assert len(await store.queue.take(limited, "default", 10)) == 2
    await store.advance(30_000)
    await store.queue.sweep()
    assert len(await store.queue.take(limited, "default", 10)) == 1


@pytest.mark.anyio
async def test_a_paused_queue_lets_deadlines_go_on() -> None:
    store = ModelStore()
    (nominal,) = await dispatched(store, starting_deadline=20_000)
    await store.queues.pause("default", "ann", "")
    (later,) = await more(store)
    await store.advance(20_001)
    assert await taken(store) == []
    await store.queues.resume("default")
    await taken(store)
    assert (await record(store, nominal)).reason == "deadline"
    assert (await record(store, later)).nominal == later


# when something breaks


def lua(name: str, script: str = "prelude") -> int:
    text = (ROOT / f"operator/kronstream/streams/lua/{script}.lua").read_text("utf-8")
    (number,) = re.findall(rf"local {name} = (\d+)", text)
    return int(number)


LEASE_MS = inspect.signature(RedisRunQueue).parameters["lease"].default


@pytest.mark.parametrize(
    "figure",
    [
        f"A worker tells Redis every {heart.BEAT_EVERY:g} s which runs it holds",
        f"without such a heartbeat for {LEASE_MS / 1000:g} s (its lease)",
        f"Workers look for due retries and ended leases every {heart.SWEEP_EVERY:g} s, operators every {SWEEP:g} s",
        f"`worker_lost` within about {LEASE_MS / 1000 + heart.SWEEP_EVERY:g} s",
        f"cut off from Redis, for less than {LEASE_MS / 1000:g} s",
        f"has {SETTINGS.grace / 1000:g} s (`KRONSTREAM_GRACE`) to end",
        f"gets another entry within {RECHECK / 1000:g} s",
        f"workers try again, at most {backoff.LONGEST:g} s apart",
        f"after more than 5 s no lease ends for {HOLD / 1000:g} s",
        f"goes on; for {HOLD / 1000:g} s no lease ends",
        f"unfinished runs from `status.unfinished` ({MAX_UNFINISHED} of a job)",
        f"dead after `maxDeliveries` ({Spec.model_fields['max_deliveries'].default})",
        f"has `KRONSTREAM_CONCURRENCY` ({SETTINGS.concurrency})",
        f"A worker has up to {MOST_QUEUES} queues",
        f"have `KRONSTREAM_GRACE` ({duration.render(SETTINGS.grace)}) to end",
        f"a job has up to {Spec.model_json_schema(by_alias=True)['properties']['limits']['maxItems']} limits",
        "as many as twice their concurrency, or 100",
    ],
)
def test_figures_in_sentences_are_the_programs(figure: str) -> None:
    assert FLAT.count(figure) == 1


def test_figures_of_the_scripts_are_those_of_the_models() -> None:
    assert (lua("HOLD"), lua("RECHECK"), lua("LANE_LIMIT"), lua("DEAD_LIMIT")) == (HOLD, RECHECK, LANE_LIMIT, 10_000)
    assert lua("DEAD_LIMIT") == wires.DEAD_LIMIT
    assert lua("ATTEMPTS", "ending") == ATTEMPTS
    assert model.DELIVERIES == 20
    assert "now - seen > 5000" in (ROOT / "operator/kronstream/streams/lua/prelude.lua").read_text("utf-8")
    assert [unsent_limit(number) for number in (10, 50, 51, 200)] == [100, 100, 102, 400]
    assert SOCKET_TIMEOUT < LEASE_MS / 1000
    assert hasattr(Run(), "handed_back")


def test_the_manifest_gives_the_graces() -> None:
    text = (ROOT / "deploy" / "base" / "worker.yaml").read_text("utf-8")
    (deployment,) = [item for item in yaml.safe_load_all(text) if item["kind"] == "Deployment"]
    pod = deployment["spec"]["template"]["spec"]
    grace = next(one["value"] for one in pod["containers"][0]["env"] if one["name"] == "KRONSTREAM_GRACE")
    whole = pod["terminationGracePeriodSeconds"]
    assert f"gives a grace of {grace} within a `terminationGracePeriodSeconds` of {whole}" in FLAT


def size(bytes_: int) -> str:
    return f"{bytes_ // 1024} KiB"


BACKLOG = Spec.model_fields["max_backlog"].default
BOUNDS = {
    "payload": f"{size(MAX_BYTES)}, {MAX_DEPTH} levels",
    "result": f"{size(bounds.RESULT)}, {bounds.RESULT_DEPTH} levels",
    "output": size(bounds.OUTPUT),
    "message of an error": size(bounds.MESSAGE),
    "message of an error in the status": f"{MESSAGE_LIMIT} characters",
    "traceback": size(bounds.TRACEBACK),
    "attempts in a record": f"{ATTEMPTS}",
    "text and data of `run.progress`": f"{progress.TEXT} characters, {size(progress.DATA)}",
    "runs of a job that wait for a worker (`maxBacklog`), but those that events cause": f"{BACKLOG}",
    "entries of a lane": f"{LANE_LIMIT:,}",
    "records of a job (`history`)": f"{History().successful} successful, {History().failed} others, "
    f"{duration.render(History().max_age_ms)}",
    "dead letters": f"{wires.DEAD_LIMIT:,}",
    "orders that wait in a stream of agents or workflows": f"{streamtype.MOST:,}",
}


def test_the_bounds_are_the_programs() -> None:
    assert {row[0]: row[1] for row in table("Bounds").rows} == BOUNDS
