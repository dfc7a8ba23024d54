"""docs/handlers-streams.md says what the program does: every table, figure and example on it."""

from __future__ import annotations

import ast
import dataclasses
import json
import re
from typing import Any

import pytest

from builders import card
from contract.acts import adopted, dispatched, record, taken
from contract.stores import ModelStore
from kronstream.domain.retry import LONGEST_WAIT, Retry
from kronstream.domain.run import State
from kronstream.operations import reply as replies
from kronstream.operations.reply import Unreadable, read
from kronstream.ports import Recall, bounds
from kronstream.resources import parse_spec
from kronstream.settings import TypeSettings
from kronstream.worker.context import Run
from kronstream.worker.elsewhere import streamtype
from kronstream.worker.elsewhere.order import VERSION, cancellation, order
from kronstream.worker.elsewhere.streamtype import StreamType
from kronstream.worker.outcome import Ended, outcome
from kronstream.worker.rulings import Parked
from unit import docpage, docparts, docruns
from unit.docpage import ROOT, Block, Table, code
from unit.fakequeue import claim

PATH = ROOT / "docs" / "handlers-streams.md"
PAGE = PATH.read_text("utf-8")
FLAT = " ".join(PAGE.split())
BLOCKS = docpage.blocks(PATH)
YAML = [block for block in BLOCKS if block.language == "yaml"]
READER = ROOT / "examples" / "stream_reader.py"
SETTINGS = TypeSettings()


def table(heading: str, number: int = 0) -> Table:
    return [one for one in docpage.tables(PATH) if one.heading == heading][number]


def codes(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def told(rows: Table, column: int = 0) -> list[str]:
    return [name for row in rows.rows for name in codes(row[column])]


def test_the_page_is_read_whole() -> None:
    assert [block.language for block in BLOCKS] == ["yaml", "yaml", "json", "sh", "text"]
    assert len(docpage.tables(PATH)) == 6


@pytest.mark.parametrize("block", YAML, ids=lambda block: f"line {block.line}")
def test_an_example_is_a_job_that_the_operator_takes(block: Block) -> None:
    docparts.good([docruns.around(docruns.fields(block.text))])


def sample() -> Any:
    """The attempt of which the page shows the order."""
    (shown,) = [json.loads(block.text) for block in BLOCKS if block.language == "json"]
    spec = parse_spec(docruns.fields(YAML[0].text))
    retry = Retry(limit=spec.retry.limit, not_on=spec.retry.not_on)
    made = claim(
        "@agent", spec.payload, run=shown["run"], timeout=spec.timeout_ms, nominal=int(shown["nominal"]), retry=retry
    )
    work = dataclasses.replace(made.work, namespace="default", name="report", call=spec.handler.call)
    return shown, dataclasses.replace(made, work=work)


def test_the_order_is_the_programs() -> None:
    shown, one = sample()
    made = order("agent", one, shown["token"], SETTINGS.reply_stream, int(shown["nominal"]) + 500)
    assert made == shown


def test_the_fields_of_an_order() -> None:
    _, one = sample()
    full = dataclasses.replace(one, trace="t", work=dataclasses.replace(one.work, platform_id="p"))
    assert told(Table((), tuple((row[0],) for row in table("The order").rows), "")) == list(
        order("agent", full, "x", "y", 0)
    )
    assert f"| `v` | `{VERSION}`, the version of this format" in PAGE
    nothing = dataclasses.replace(one, work=dataclasses.replace(one.work, payload=None))
    assert order("agent", nothing, "x", "y", 0)["payload"] == "null"


def test_the_fields_of_a_cancellation() -> None:
    made = cancellation(Recall("r", "u", 1, "t", "n", "j", 1))
    rows = table("Cancellation and timeout").rows
    assert sorted(name for row in rows for name in codes(row[0])) == sorted(made)
    assert {name: value for row in rows for name in codes(row[0]) for value in codes(row[1])} == {
        "v": made["v"], "kind": made["kind"],
    }  # fmt: skip


def test_the_fields_of_a_reply_are_those_that_are_read() -> None:
    asked: set[str] = set()

    class Noting(dict[str, str]):
        def get(self, name: str, default: Any = None) -> Any:
            asked.add(name)
            return super().get(name, default)

    for status in ("success", "failed", "progress"):
        read(Noting(run="r", token="t", status=status))
    assert set(told(table("The reply"))) == asked


def reply(cell: str) -> dict[str, str]:
    shown, _ = sample()
    head = {"v": "1", "run": shown["run"], "token": shown["token"]}
    fields: dict[str, str] = json.loads(code(cell))
    return {**head, **fields}


@pytest.mark.parametrize("row", table("The reply", 1).rows, ids=lambda row: row[0])
def test_a_reply_means_what_is_told(row: tuple[str, ...]) -> None:
    _, one = sample()
    answer = read(reply(row[0]))
    assert row[1] == meaning(one, answer)


def meaning(one: Any, answer: replies.Answer) -> str:
    end = answer.completion
    if end is None:
        return f"goes on; its record shows `{answer.progress}`"
    if end.failure is None:
        return f"succeeds with the result `{end.result}`" if end.result else "succeeds without a result"
    ended = outcome(one, Ended(None, end.reason, end.failure, end.wait, end.codes), 1)
    again = ended.retry_in is not None and not end.permanent
    after = f" in {end.wait // 1000} s" if end.wait is not None else " by `retry`"
    why = " (`notOn`)" if not again and not end.permanent else ""
    head = f"fails: `{end.failure.type}`, {end.failure.message}; "
    return head + (f"tried again{after}" if again else f"not tried again{why}")


@pytest.mark.parametrize("row", table("The reply", 2).rows, ids=lambda row: row[0])
def test_a_reply_that_cannot_be_read_says_why(row: tuple[str, ...]) -> None:
    with pytest.raises(Unreadable) as fault:
        read(reply(row[0]))
    assert str(fault.value) == code(row[1])


@pytest.mark.anyio
async def test_the_life_of_an_order() -> None:
    store = ModelStore()
    kind = StreamType("agent", SETTINGS.agent_stream, SETTINGS.reply_stream, store.externals, store.wires)
    nominal, other = await dispatched(store, 2)
    attempts = await taken(store)
    for one in attempts:
        with pytest.raises(Parked):
            await kind.execute(one, Run())
    first, second = store.wires.streams[SETTINGS.agent_stream].values()
    # nobody holds the runs, and only a reply with the right token ends one
    assert (await store.queue.beat(card(), attempts)).lost == {one.run for one in attempts}
    for token, known in ((second["token"], False), (first["token"], True), (first["token"], False)):
        end = read({"run": first["run"], "token": token, "status": "success"}).completion
        assert end is not None
        assert await store.externals.complete(first["run"], token, end) is known
    assert (await record(store, nominal)).state is State.SUCCESS
    await store.requests.cancel([second["run"]], "ann")
    ((recall, _),) = await store.wires.recalls(10)
    assert (recall.run, recall.token) == (second["run"], second["token"])
    assert (await record(store, other)).state is State.CANCELLED


@pytest.mark.anyio
async def test_an_order_that_is_written_again_is_the_same() -> None:
    store = ModelStore()
    await adopted(store)
    kind = StreamType("agent", "agents", "replies", store.externals, store.wires)
    await dispatched(store, uid="other")
    (one,) = await taken(store)
    assert await store.externals.attach(one)
    await store.advance(10_001)
    await store.queue.sweep()
    (again,) = await taken(store, consumer="worker-2")
    for _ in range(2):
        with pytest.raises(Parked):
            await kind.execute(again, Run())
    orders = list(store.wires.streams["agents"].values())
    assert len({(fields["run"], fields["attempt"], fields["token"]) for fields in orders}) == 1
    assert again.attempt == one.attempt


@pytest.mark.parametrize(
    "figure",
    [
        f"agents have `{SETTINGS.agent_stream}`, workflows have `{SETTINGS.workflow_stream}`",
        f"at most {bounds.RESULT // 1024} KiB and {bounds.RESULT_DEPTH} levels",
        f"JSON of at most {replies.PROGRESS:,} characters",
        f"may use; up to {replies.CODES}.",
        f"the last {bounds.OUTPUT // 1024} KiB are kept",
        f"When a stream holds {streamtype.MOST:,} entries, further orders fail with type `StreamFull`",
        f"a day at most |{'' if LONGEST_WAIT == 86_400_000 else '?'}",
    ],
)
def test_figures_in_sentences_are_the_programs(figure: str) -> None:
    assert FLAT.count(figure) == 1


def test_settings_and_their_defaults() -> None:
    known = {one.metadata["env"]: one.default for one in dataclasses.fields(TypeSettings)}
    rows = table("For administrators").rows
    assert {code(row[0]): known[code(row[0])] for row in rows} == {code(row[0]): code(row[1]) for row in rows}


def test_the_reader_reads_no_other_fields_and_writes_no_others() -> None:
    tree = ast.parse(READER.read_text("utf-8"))
    asked = {
        node.slice.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "order"
        and isinstance(node.slice, ast.Constant)
    }  # fmt: skip
    assert asked
    assert asked <= set(told(table("The order")))
    assert "import kronstream" not in READER.read_text("utf-8")


def test_the_rights_are_those_that_the_reader_needs() -> None:
    (text,) = [block.text for block in BLOCKS if block.language == "text"]
    used = set(re.findall(r"(?:self\.redis|pipe)\.(x\w+?)(?:_create)?\(", READER.read_text("utf-8")))
    assert used <= set(re.findall(r"\+(\w+)", text))
    assert f"%RW~{SETTINGS.agent_stream} " in text
    assert f"%W~{SETTINGS.reply_stream}\n" in text
    (command,) = [block.text for block in BLOCKS if block.language == "sh"]
    assert command.split()[1] == "examples/stream_reader.py"
    assert command.split()[3] == SETTINGS.agent_stream
