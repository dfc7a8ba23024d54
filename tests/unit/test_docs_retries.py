"""docs/retries.md says what the program does: every example, table and figure on it."""

from __future__ import annotations

import asyncio
import builtins
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import yaml

from builders import UID, card
from contract.acts import dispatched, failure, job, more, record, rid, taken
from contract.stores import LEASE, ModelStore
from kronstream.domain import duration
from kronstream.domain.retry import LONGEST_WAIT, Retry, backoff, delay
from kronstream.domain.run import Reason, State
from kronstream.ports import Execution
from kronstream.resources import Spec, parse_spec
from kronstream.streams.keys import Keys
from kronstream.testing.runqueue import DELIVERIES
from kronstream.worker.consumer import CANCEL_GRACE
from kronstream.worker.context import Run
from kronstream.worker.discovery import load
from kronstream.worker.outcome import Ended, names_of, outcome
from kronstream.worker.supervisor import Supervisor
from unit import docpage, docparts, docruns
from unit.docpage import ROOT, Block, Table, code
from unit.executorbench import Bench
from unit.fakequeue import claim

PATH = ROOT / "docs" / "retries.md"
PAGE = PATH.read_text("utf-8")
FLAT = " ".join(PAGE.split())
BLOCKS = docpage.blocks(PATH)
YAML = [block for block in BLOCKS if block.language == "yaml"]
PYTHON = [block for block in BLOCKS if block.language == "python"]
POLICY, DEFAULT = (block for block in YAML if block.heading == "Retries")
NONE = "none: the run has failed"


def table(*columns: str) -> Table:
    (found,) = [one for one in docpage.tables(PATH) if one.columns[: len(columns)] == columns]
    return found


def codes(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def policy(block: Block) -> Retry:
    written = parse_spec({"handler": docruns.HANDLER, **docruns.fields(block.text)}).retry
    wait = written.backoff
    return Retry(
        written.limit, wait.initial_ms, wait.factor, wait.longest_ms, wait.jitter, written.only_on, written.not_on
    )


def test_the_page_is_read_whole() -> None:
    assert (len(YAML), len(PYTHON), len(docpage.tables(PATH))) == (6, 3, 6)
    assert {block.language for block in BLOCKS} == {"yaml", "python", "sh"}


@pytest.mark.parametrize("block", YAML, ids=lambda block: f"line {block.line}")
def test_an_example_is_a_job_that_the_operator_takes(block: Block) -> None:
    docparts.good([docruns.around(docruns.fields(block.text))])


def test_the_fields_of_time() -> None:
    told = {code(row[0]): row[4] for row in table("field", "bounds").rows}
    schema = Spec.model_json_schema(by_alias=True)["properties"]
    assert told.keys() <= schema.keys()
    assert told["timeout"] == f"`{duration.render(parse_spec({'handler': docruns.HANDLER}).timeout_ms)}`"
    (block,) = [block for block in YAML if block.heading == "Time"]
    assert told.keys() == docruns.fields(block.text).keys()


@pytest.mark.parametrize("number", range(len(table("after attempt").rows)))
def test_the_waits_of_a_policy(number: int) -> None:
    row, retry, attempt = table("after attempt").rows[number], policy(POLICY), number + 1
    (run,) = re.findall(r"those of the run `([^`]+)`", FLAT)
    wait = delay(retry, attempt, run)
    if wait is None:
        assert row == (str(attempt), NONE, "", "")
        assert attempt == retry.attempts
        return
    base = backoff(retry, attempt)
    most = base * (1 + retry.jitter)
    assert row == (str(attempt), *(duration.render(round(ms)) for ms in (base, most, wait)))
    assert base <= wait <= most


def test_the_policy_that_is_left_out() -> None:
    assert policy(DEFAULT) == Retry() == policy(Block("yaml", ("suspend: true",), "", 0))


def test_on_is_no_field_because_yaml_reads_it_as_true() -> None:
    assert list(yaml.safe_load("on: [timeout]")) == [True]


@pytest.mark.parametrize("row", table("write", "covers").rows, ids=lambda row: row[0])
def test_a_name_covers_what_the_page_says(row: tuple[str, ...]) -> None:
    name, good, bad = code(row[0]), codes(row[1]), codes(row[2])
    assert good
    assert bad
    for only, told, expected in ((True, good, True), (True, bad, False), (False, good, False), (False, bad, True)):
        retry = Retry(only_on=(name,)) if only else Retry(not_on=(name,))
        for one in told:
            assert retry.tries_again(codes_of(one)) is expected, (name, one)
    docparts.good([docruns.around({"retry": {"onlyOn": [name]}})])


def codes_of(name: str) -> tuple[str, ...]:
    """What a failure of this name has as its codes."""
    error = getattr(builtins, name, None)
    return names_of(error()) if error is not None else (name,)


def test_a_name_of_not_on_goes_before_one_of_only_on() -> None:
    assert not Retry(only_on=("OSError",), not_on=("TimeoutError",)).tries_again(codes_of("TimeoutError"))


def test_the_tests_on_the_page_pass(tmp_path: Path) -> None:
    jobs, tests, _ = PYTHON
    (tmp_path / "jobs.py").write_text(jobs.text, "utf-8")
    (tmp_path / "test_jobs.py").write_text(tests.text, "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_jobs.py"],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_no_handler_puts_an_attempt_off_for_longer_than_a_day() -> None:
    assert duration.parse("1d") == LONGEST_WAIT
    assert "in place of the backoff; a day at most" in PAGE


def test_every_reason_is_told() -> None:
    rows = table("reason", "the run is").rows
    assert [code(row[0]) for row in rows] == [reason.value for reason in Reason]


@pytest.mark.parametrize(
    "reason", [Reason.ERROR, Reason.PERMANENT, Reason.TIMEOUT, Reason.CRASHED, Reason.RESULT, Reason.UNKNOWN_HANDLER]
)
def test_what_follows_a_failed_attempt(reason: Reason) -> None:
    first, last = (
        outcome(claim(retry=Retry(limit=1), attempt=number), Ended(None, reason), 1).state for number in (1, 2)
    )
    assert said(reason) == (last.value, "by `retry`" if first is State.RETRYING else "no")


def said(reason: Reason) -> tuple[str, str]:
    (row,) = [row for row in table("reason", "the run is").rows if row[0] == f"`{reason.value}`"]
    return code(row[1]), row[2]


async def worker_lost(store: ModelStore) -> list[int]:
    instants = await dispatched(store, work_fields={"retry": Retry(limit=1, initial=0)})
    for _ in range(2):
        await taken(store)
        await store.advance(LEASE + 1)
        await store.queue.sweep()
        await store.queue.sweep()
    return instants


async def overlap(store: ModelStore) -> list[int]:
    await dispatched(store, policy="Replace")
    await taken(store)
    return (await more(store, 2))[:1]


async def deadline(store: ModelStore) -> list[int]:
    instants = await dispatched(store, starting_deadline=20_000)
    await store.advance(20_001)
    assert await taken(store) == []
    return instants


async def replaced(store: ModelStore) -> list[int]:
    instants = await dispatched(store, policy="Replace")
    (one,) = await taken(store)
    await more(store)
    assert (await store.queue.beat(card(), [one])).cancel == {one.run: "replaced"}
    await store.queue.finish(card(), [failure(one, state=State.CANCELLED, reason=Reason.REPLACED)])
    return instants


async def requested(store: ModelStore) -> list[int]:
    instants = await dispatched(store)
    await store.requests.cancel([rid(instants[0])], "ann")
    return instants


async def deleted(store: ModelStore) -> list[int]:
    instants = await dispatched(store)
    await store.ledger.forget([UID])
    return instants


async def too_many_deliveries(store: ModelStore) -> list[int]:
    instants = await dispatched(store, deliveries=2, work_fields={"retry": Retry(limit=10, initial=0)})
    for _ in range(2):
        (one,) = await taken(store)
        end = failure(one, state=State.RETRYING, retry_in=0, reason=Reason.CRASHED, killed=True)
        await store.queue.finish(card(), [end])
        await store.queue.sweep()
    return instants


@pytest.mark.anyio
@pytest.mark.parametrize(
    "act", [worker_lost, overlap, deadline, replaced, requested, deleted, too_many_deliveries], ids=lambda f: f.__name__
)
async def test_what_ends_a_run_without_its_worker(act: Callable[[ModelStore], Awaitable[list[int]]]) -> None:
    store = ModelStore()
    (nominal,) = await act(store)
    found: Execution = await record(store, nominal)
    assert found.reason == act.__name__
    again = "by `retry`" if act is worker_lost else "no"
    assert found.attempt == (2 if act in (worker_lost, too_many_deliveries) else found.attempt)
    assert said(Reason(found.reason)) == (found.state.value, again)


@pytest.mark.anyio
async def test_a_run_that_nobody_keeps_is_dead() -> None:
    store = ModelStore()
    (nominal,) = await dispatched(store)
    for _ in range(DELIVERIES):
        await store.queue.release(card(), await taken(store))
    assert await taken(store) == []
    assert (await record(store, nominal)).state is State.DEAD
    assert f"handed back {DELIVERIES} times without one attempt that ended" in PAGE


@pytest.mark.anyio
async def test_a_cancelled_export_leaves_nothing_half_done(tmp_path: Path) -> None:
    source, target = tmp_path / "jobs.py", tmp_path / "rows"
    source.write_text(PYTHON[2].text, "utf-8")
    bench = Bench(load([str(source)]), str(source))
    try:
        one = claim("export:rows", {"path": str(target)})
        report = bench.start(one)
        async with asyncio.timeout(10):
            while not (tmp_path / "rows.part").exists():
                await asyncio.sleep(0)
            bench.executor.end(one.token, Reason.REQUESTED)
            ended = await report
    finally:
        await bench.children.close()
        bench.slate.close()
    assert ended is not None
    assert (ended.state, ended.reason) == (State.CANCELLED, Reason.REQUESTED)
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix != ".py" and path.is_file()) == []


@pytest.mark.anyio
async def test_a_retry_still_counts_for_overlap_and_a_deadline_does_not_bound_it() -> None:
    store = ModelStore()
    await dispatched(store, policy="Forbid", starting_deadline=20_000)
    (one,) = await taken(store)
    await store.queue.finish(card(), [failure(one, state=State.RETRYING, retry_in=60_000)])
    (second,) = await more(store)
    assert await store.records.get(rid(second)) is None
    assert (await job(store)).skipped == {"Overlap": 1}
    await store.advance(60_001)
    await store.queue.sweep()
    assert [found.run for found in await taken(store)] == [one.run]


@pytest.mark.parametrize(
    "figure",
    [
        f"`retry.limit` + 1 attempts; the record tells the last {20} of them",
        f"has {CANCEL_GRACE:g} s to end",
        f"it has {CANCEL_GRACE:g} s to clean up",
        f"waits until {Supervisor.__init__.__kwdefaults__['stall_grace']:g} s after the function's deadline",
        f"after the first attempt, {Retry().limit} when left out",
        f"Then it is `dead` ({Spec.model_fields['max_deliveries'].default} when left out)",
        "the last 10,000",
        "`run.handed_back` is true as well",
    ],
)
def test_figures_and_names_in_sentences_are_the_programs(figure: str) -> None:
    assert FLAT.count(figure) == 1


def test_names_are_the_programs() -> None:
    prelude = (ROOT / "operator/kronstream/streams/lua/prelude.lua").read_text("utf-8")
    ending = (ROOT / "operator/kronstream/streams/lua/ending.lua").read_text("utf-8")
    assert "DEAD_LIMIT = 10000" in prelude
    assert "ATTEMPTS = 20" in ending
    assert f"'{Keys().dead}'" in PAGE
    assert hasattr(Run(), "handed_back")
    assert (ROOT / "operator/kronstream/operations/letters.py").exists()
