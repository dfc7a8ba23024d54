"""docs/events.md says what the program does: every example, table and figure on it."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from kronstream.cli.main import COMMANDS, main
from kronstream.domain import eventpayload
from kronstream.domain import filter as expressions
from kronstream.domain.event import CHAIN_LIMIT
from kronstream.domain.expression import MAX_LENGTH
from kronstream.domain.outcomeevent import TYPES, event_of
from kronstream.events import delivery, hearing, reading
from kronstream.operations import Ingest, Rejected, Unavailable, ingest
from kronstream.operations.making import job_of
from kronstream.operations.routing import OLDER, Heard
from kronstream.operations.triggered import Outcome
from kronstream.ports import LogAway, eventletters
from kronstream.resources import EventHandlerStatus, cloudevent
from kronstream.resources.eventspec import EventSpec
from kronstream.resources.payload import MAX_DEPTH
from kronstream.settings import IngestSettings, RouterSettings
from kronstream.testing import FixedClock, MemoryEventLog, waiting
from kronstream.testing.store import CLAIMED
from unit import docevents, docpage
from unit.docevents import CREATED, Cells
from unit.docpage import ROOT, Block, Table, code

PATH = ROOT / "docs" / "events.md"
PAGE = PATH.read_text("utf-8")
FLAT = " ".join(PAGE.split())
BLOCKS = docpage.blocks(PATH)
YAML = [block for block in BLOCKS if block.language == "yaml"]
TABLES = docpage.tables(PATH)
STREAM = "stream:events"

SAID: dict[tuple[str, int], Callable[[Table, Cells], Cells]] = {
    ("Which handlers an event finds", 0): docevents.patterns,
    ("What the run gets", 0): docevents.payloads,
    ("filter", 0): docevents.filters,
    ("What the status says", 0): docevents.states,
    ("Dead letters", 0): docevents.letters,
    ("What bad input gets", 0): docevents.bad,
}
# tables that a test of their own compares, or whose words integration tests show
OWN = {
    ("HTTP", 0), ("Runs", 0), ("Which handlers an event finds", 1), ("createJob", 0), ("Triggering by hand", 0),
    ("What the status says", 1), ("Bounds", 0),
}  # fmt: skip
WORDS = {("What is promised", 0), ("When something breaks", 0)}


def key(table: Table) -> tuple[str, int]:
    same = [one for one in TABLES if one.heading == table.heading]
    return table.heading, same.index(table)


def table(heading: str, number: int = 0) -> Table:
    return [one for one in TABLES if one.heading == heading][number]


def example(heading: str, number: int = 0) -> Block:
    return [one for one in YAML if one.heading == heading][number]


def follower(block: Block) -> Block:
    return BLOCKS[BLOCKS.index(block) + 1]


def lua(name: str) -> str:
    return (ROOT / "operator" / "kronstream" / "streams" / "lua" / f"{name}.lua").read_text("utf-8")


def test_the_page_is_read_whole() -> None:
    assert {key(one) for one in TABLES} == SAID.keys() | OWN | WORDS
    assert {block.language for block in BLOCKS} == {"yaml", "sh", "json", "text", "http", "console"}
    assert "?" not in [cell for one in TABLES for row in one.rows for cell in row]
    for page in ("README.md", "docs/handlers.md"):
        assert "events.md" in (ROOT / page).read_text("utf-8"), page


@pytest.mark.parametrize("block", YAML, ids=lambda block: f"line {block.line}")
def test_an_example_is_a_handler_that_a_router_takes(block: Block) -> None:
    docevents.good(docevents.handler(block.text))


def test_the_first_example_is_the_file_in_examples() -> None:
    written = yaml.safe_load((ROOT / "examples" / "eventhandler.yaml").read_text("utf-8"))
    assert docevents.fields(YAML[0].text) == written


def test_the_alert_is_that_of_the_file_in_examples() -> None:
    written = yaml.safe_load((ROOT / "examples" / "alert-chain.yaml").read_text("utf-8"))["spec"]
    shown = docevents.fields(example("Runs").text)
    assert (shown["event"], shown["filter"]) == (written["event"], written["filter"])
    http = written["action"]["createJob"]["handler"]["http"]
    assert shown["action"]["createJob"]["handler"]["http"]["url"] == http["url"]


@pytest.mark.parametrize(
    ("table", "row"),
    [(one, row) for one in TABLES if key(one) in SAID for row in one.rows],
    ids=lambda value: value[0] if isinstance(value, tuple) else value.heading,
)
def test_a_row_says_what_the_program_says(table: Table, row: Cells) -> None:
    assert row == SAID[key(table)](table, row)


TIMELINES = [block for block in YAML if follower(block).language == "text"]


@pytest.mark.anyio
@pytest.mark.parametrize("block", TIMELINES, ids=lambda block: f"line {block.line}")
async def test_the_lines_below_a_rule_are_what_becomes_of_events(block: Block) -> None:
    below = follower(block)
    assert list(below.lines) == await docevents.timeline(docevents.fields(block.text), below.lines)


def test_every_rule_with_a_memory_shows_what_becomes_of_events() -> None:
    assert {block.heading for block in TIMELINES} == {"dedupe", "debounce", "rateLimit"}


# where events come from


def test_the_command_sends_what_the_example_says() -> None:
    commands = [block.text for block in BLOCKS if block.language == "sh" and "emit" in block.text]
    assert len(commands) == 2
    for command in commands:
        program, *arguments = shlex.split(command)
        answer = CliRunner().invoke(main, [*arguments, "--dry-run", "-o", "json"])
        assert program == "kronstream"
        assert answer.exit_code == 0, answer.output
    sent = json.loads(answer.output)
    assert (sent["id"], sent["source"], sent["type"]) == ("order-1002", "/shop", "order.paid")
    assert sent["data"] == {"order": 1002, "total": 20.0}


def test_a_depth_is_passed_on_as_told() -> None:
    (command,) = re.findall(r"`kronstream (emit order.billed [^`]+)`", PAGE)
    answer = CliRunner().invoke(main, [*shlex.split(command), "--dry-run", "-o", "json"])
    assert cloudevent.read_event(answer.output).depth == 3


def test_the_entry_of_the_example_is_an_event() -> None:
    (command,) = [block.text for block in BLOCKS if block.heading == "A Redis stream" and block.language == "sh"]
    program, verb, stream, number, field, text = shlex.split(command)
    assert (program, verb, stream, number, field) == ("redis-cli", "XADD", STREAM, "*", "event")
    assert docevents.event_in(text).data == {"order": 1001, "total": 99.5}
    assert EventSpec.model_fields["source"].default.stream == STREAM == IngestSettings().stream


def request(block: Block) -> tuple[dict[str, str], bytes]:
    """Headers and body of an example."""
    head, _, body = block.text.partition("\n\n")
    line, *headers = head.splitlines()
    assert line == "POST /api/v1/scheduler/events"
    return dict(one.split(": ", 1) for one in headers), body.rstrip("\n").encode()


REQUESTS = [request(block) for block in BLOCKS if block.language == "http"]


def log() -> MemoryEventLog:
    return MemoryEventLog(FixedClock(CREATED))


@pytest.mark.anyio
async def test_the_requests_of_the_examples_are_taken() -> None:
    service = Ingest(log(), STREAM)
    accepted = [await service.accept(headers, body, CREATED) for headers, body in REQUESTS]
    assert [one for each in accepted for one in each.ids] == [f"order-100{number}" for number in range(3, 7)]


@pytest.mark.anyio
async def test_the_answers_to_requests_are_as_told() -> None:
    structured = {"Content-Type": "application/cloudevents+json"}
    batch = {"Content-Type": "application/cloudevents-batch+json"}
    service = Ingest(log(), STREAM)
    found = []
    for headers, body in (
        (structured, b"{}"),
        (structured, b"x" * (cloudevent.MAX_BYTES + 1)),
        (batch, b"x" * (ingest.BATCH_BYTES + 1)),
        ({"Content-Type": "application/json"}, b"{}"),
    ):
        with pytest.raises(Rejected) as rejected:
            await service.accept(headers, body, CREATED)
        found.append(rejected.value.status)
    assert found == [400, 413, 413, 415]

    class Away(MemoryEventLog):
        async def append(self, stream: str, texts: Any) -> list[str]:
            raise LogAway("away")

    with pytest.raises(Unavailable) as unavailable:
        await Ingest(Away(FixedClock(CREATED)), STREAM).accept(*REQUESTS[0], CREATED)
    told = [re.search(r"\d+", row[1]) for row in table("HTTP").rows]
    assert [one[0] for one in told if one] == ["202", "400", "413", "415", str(unavailable.value.status)]
    row = table("HTTP").rows
    assert f"more than {cloudevent.MAX_BYTES:,} bytes, or {ingest.BATCH_BYTES:,} of a batch" == row[2][0]
    assert f"{IngestSettings().most:,} events wait" in row[4][0]


def test_the_outcomes_of_runs_are_as_told() -> None:
    assert sorted(code(row[0]) for row in table("Runs").rows) == sorted(TYPES)
    late = int(re.findall(r"LATE = (\d+)", lua("dispatch"))[0])
    assert f"dispatched {late // 1000}s or more after it was due" in PAGE
    assert "whose `event` begins with `kronstream.`" in FLAT


def test_the_data_of_an_outcome_is_as_shown() -> None:
    (shown,) = [json.loads(block.text) for block in BLOCKS if block.language == "json" and "run_id" in block.text]
    at = "1795500000000"
    fields = {
        "kind": "failed", "run": shown["run_id"], "uid": shown["job_id"], "nm": "nightly", "ns": "default", "nom": at,
        "at": "1795500001220", "st": "failed", "why": "error", "att": "4", "dur": "1200", "sta": "1795500000020",
        "fin": "1795500001220", "msg": shown["message"], "cf": "3",
    }  # fmt: skip
    event = event_of(fields)
    assert event.data == shown
    assert list(event.data) == list(shown)
    assert event.source == "/kronstream/namespaces/default/scheduledjobs/nightly"
    assert event.subject == shown["run_id"]


# what is done


def test_the_job_that_is_made_is_as_told() -> None:
    spec = docevents.fields(example("createJob").text)
    obj = docevents.around(spec)
    listener = docevents.read_handler(obj).listener
    assert listener is not None
    event = docevents.event_in('{"specversion":"1.0","id":"1","source":"/a","type":"order.paid"}')
    job = job_of(listener, Heard(event, ""), "0" * 20, CREATED)
    told = {row[0].strip("`"): row[1] for row in table("createJob").rows}
    assert job["metadata"]["name"] == f"example-{'0' * 20}"
    for field in ("displayName", "description", "createdBy"):
        assert told[field] == f"`{job['spec'][field]}`", field
    assert told["tags"] == ", ".join(f"`{tag}`" for tag in job["spec"]["tags"])
    assert job["spec"]["ttlAfterFinished"] == "10m"
    assert "maxOpen" not in job["spec"]


def test_what_a_run_gets_is_as_shown() -> None:
    shown = [json.loads(block.text) for block in BLOCKS if block.language == "json" and "run_id" not in block.text]
    event = docevents.event_in(json.dumps({
        "specversion": "1.0", "id": "1", "source": "/a", "type": "workflow.completed",
        "data": {"workflow_id": "123", "status": "completed"},
    }))  # fmt: skip
    assert eventpayload.payload(event, {"retention_days": 30}) == shown[0]
    transform = expressions.compile_transform(docevents.fields(example("transform").text)["transform"])
    paid = docevents.event_in(json.dumps({
        "specversion": "1.0", "id": "1", "source": "/a", "type": "order.paid", "platformid": "platform-123",
        "data": {"order": 7, "total": 99.5},
    }))  # fmt: skip
    assert eventpayload.payload(paid, None, transform) == shown[1]


def test_the_event_of_the_filters_is_as_told() -> None:
    assert '`order.paid` from `/shop` with the data `{"total": 99.5, "tags": ["gift"]}`' in FLAT
    names = re.search(r"`event` has (.+?)\. Misspelt", FLAT)
    assert names
    told = {f"event.{name}" for name in re.findall(r"`(\w+)`", names[1])}
    assert told == set(expressions.NAMES)


def test_outcomes_of_a_trigger_are_as_told() -> None:
    told = [name for row in table("Triggering by hand").rows for name in re.findall(r"`(\w+)`", row[0])]
    assert set(told) == {one.value for one in Outcome}
    assert len(told) == len(set(told))
    assert {"trigger", "emit"} <= COMMANDS.keys()


def test_fields_of_the_status_are_as_told() -> None:
    fields = {field.alias or name for name, field in EventHandlerStatus.model_fields.items()}
    told = {name for row in table("What the status says", 1).rows for name in re.findall(r"`(\w+)`", row[0])}
    told |= {"lastTriggerTime", "lastSuccessTime", "lastError"}
    assert told <= fields
    assert {name for name in fields if name.endswith("Count")} <= told


def test_reasons_of_dead_letters_are_those_of_the_program() -> None:
    text = PAGE.partition("## Dead letters")[2].partition("## Chains")[0]
    told = set(re.findall(r"`([A-Z][A-Za-z]+)`", text))
    rooms = ROOT / "operator" / "kronstream"
    files = [rooms / "resources/cloudevent.py", *(rooms / "events").glob("*.py")]
    written = "".join(file.read_text("utf-8") for file in files)
    for reason in told - {"P"}:
        assert f'"{reason}"' in written, reason
    made = re.findall(r'(?:Unreadable\(\s*|letter\(\s*entry, |_failed\(waiting, \w+, |FAILED, )"(\w+)"', written)
    assert {*made} <= told | {"Skipped"}


def test_names_of_settings_are_those_of_the_program() -> None:
    known = {
        one.metadata.get("env")
        for kind in (RouterSettings, IngestSettings)
        for one in kind.__dataclass_fields__.values()
    } | {"KRONSTREAM_REDIS_URL"}
    assert set(re.findall(r"KRONSTREAM_\w+", PAGE)) <= known
    assert f"`{RouterSettings.__dataclass_fields__['event_group'].default}`" in PAGE


# figures

FIELDS = EventSpec.model_json_schema(by_alias=True)["$defs"]
BOUNDS: dict[str, str] = {
    "an event": f"{cloudevent.MAX_BYTES // 1024} KiB of JSON, {MAX_DEPTH} levels",
    "events of a batch by HTTP": f"{ingest.BATCH_EVENTS:,}, {ingest.BATCH_BYTES // 1024**2} MiB",
    "an event's time ahead of now": f"{cloudevent.AHEAD // 60_000}m",
    "an expression": f"{MAX_LENGTH:,} characters",
    "data that expressions see": f"{expressions.MAX_DATA // 1024} KiB of JSON",
    "payload of a run": f"{eventpayload.MAX_BYTES // 1024} KiB, {MAX_DEPTH} levels",
    "a key of `dedupe` or `debounce`": f"{expressions.MAX_KEY} characters",
    "`dedupe.window`": f"{CLAIMED // 86_400_000}d",
    "events that wait, of all handlers": f"{waiting.MOST_WAITING:,}, {waiting.MOST_BYTES // 1024**2} MiB",
    "open jobs of a handler (`maxOpen`)": "{default}, at most {maximum:,}".format(
        **FIELDS["CreateJob"]["properties"]["maxOpen"]
    ),
    "actions of a chain": str(CHAIN_LIMIT),
    "deliveries of an event": str(hearing.MOST_DELIVERIES),
    "dead letters": f"{eventletters.MOST:,}",
    "dead letters of one event that several handlers cannot judge": str(delivery.LETTERS),
    "outcomes of runs that wait for a router": f"{int(re.findall(r'OUTCOMES = ([0-9]+)', lua('outcomes'))[0]):,}",
}


def test_bounds_are_the_programs() -> None:
    assert {row[0]: row[1] for row in table("Bounds").rows} == BOUNDS
    assert waiting.LETTERS == eventletters.MOST
    assert f"{waiting.MOST_WAITING}, {waiting.MOST_BYTES}" in lua("waiting")


@pytest.mark.parametrize(
    ("figure", "value"),
    [
        ("makes one job or one run of a handler, within {}d", CLAIMED // 86_400_000),
        ("what was added more than {}s before a handler was made", OLDER // 1000),
        ("the others take over, after {}s, what it had been given", reading.IDLE // 1000),
        ("no more than `maxOpen` ({}) jobs", 100),
        ("up to `limit` ({}) times", EventSpec.model_fields["retry"].default.limit),
        ("An event of depth {} causes nothing more", CHAIN_LIMIT),
        ("Data of more than {:,} bytes of JSON cannot be seen", expressions.MAX_DATA),
        ("with the reason and the event: the last {:,}.", eventletters.MOST),
    ],
)
def test_figures_in_sentences_are_the_programs(figure: str, value: int) -> None:
    assert figure.format(value).lower() in FLAT.lower()


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(#([^)]+)\)", PAGE))))
def test_a_link_within_the_page_leads_somewhere(link: str) -> None:
    heads = [line.lstrip("# ") for line in PAGE.splitlines() if line.startswith("#")]
    assert link in {re.sub(r"[^a-z0-9 -]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:tests|examples|operations)/[a-z_/.-]+)`", PAGE))))
def test_a_file_that_the_page_names_is_there(path: str) -> None:
    assert (ROOT / path).exists() or (ROOT / "operator" / "kronstream" / path).exists()
