"""docs/schedules.md says what the program does: every example, table, message and command on it."""

import re
from pathlib import Path

import pytest

from kronstream.controller.job import RUN_NOW
from kronstream.controller.pausetext import EVERYTHING, read
from kronstream.domain import dst, duration, exclusion, rule
from kronstream.domain.errors import Invalid
from kronstream.domain.run import Skip
from kronstream.operations import backfills
from kronstream.operations.runs import SKIP_LIMIT
from kronstream.resources import KINDS, Spec
from kronstream.resources.late import CatchUp
from kronstream.settings import OperatorSettings
from unit import docpage, docparts, docruns
from unit.docpage import ROOT, SCHEDULES, Block, Table, blocks, tables

BLOCKS = blocks()
YAML = [block for block in BLOCKS if block.language == "yaml"]
CONSOLE = [block for block in BLOCKS if block.language == "console"]
TABLES = tables()
# of yaml blocks: the one that is no job
PAUSES = next(block for block in YAML if "kind: ConfigMap" in block.text)
PAGE = SCHEDULES.read_text("utf-8")
CRONTAB = docpage.table("Where a crontab means something else")
SCHEMA = Spec.model_json_schema(by_alias=True)["properties"]


def named(block: Block) -> str:
    return f"line {block.line}"


def key(table: Table) -> tuple[str, int]:
    same = [one for one in TABLES if one.heading == table.heading]
    return table.heading, same.index(table)


def follower(block: Block) -> Block | None:
    """The text block that comes next, before another example."""
    index = BLOCKS.index(block) + 1
    return BLOCKS[index] if index < len(BLOCKS) and BLOCKS[index].language == "text" else None


def test_the_page_is_read_whole() -> None:
    assert len(YAML) >= 20
    assert len(CONSOLE) >= 4
    assert {block.language for block in BLOCKS} == {"yaml", "text", "console", "sh"}
    assert {key(table) for table in TABLES} == docparts.TABLES.keys() | docparts.WORDS
    assert "?" not in [cell for table in TABLES for row in table.rows for cell in row]
    assert SCHEDULES.relative_to(ROOT).as_posix() in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("block", [block for block in YAML if block is not PAUSES], ids=named)
def test_an_example_is_a_job_that_the_operator_takes(block: Block) -> None:
    docparts.good(docruns.objects(block.text))


@pytest.mark.parametrize("block", [block for block in YAML if follower(block) is not None], ids=named)
def test_the_lines_below_an_example_are_its_runs(block: Block) -> None:
    below = follower(block)
    assert below is not None

    assert list(below.lines) == docparts.below(block, below)


def test_most_examples_tell_their_runs() -> None:
    without = [block for block in YAML if follower(block) is None]

    # the file for validate has its command below it; the ConfigMap is no job
    assert len(without) == 2
    assert all(block.language != "text" or BLOCKS[place - 1].language == "yaml" for place, block in enumerate(BLOCKS))


@pytest.mark.parametrize("number", range(len(CONSOLE)))
def test_a_command_answers_as_shown(number: int, tmp_path: Path) -> None:
    block = CONSOLE[number]
    before = BLOCKS[BLOCKS.index(block) - 1]
    example = before if before.language == "yaml" else None

    assert list(block.lines) == docparts.console(block, example, tmp_path)


@pytest.mark.parametrize(
    ("table", "row"),
    [(table, row) for table in TABLES if key(table) in docparts.TABLES for row in table.rows],
    ids=lambda value: value[0] if isinstance(value, tuple) else value.heading,
)
def test_a_row_says_what_the_program_says(table: Table, row: tuple[str, ...]) -> None:
    assert row == docparts.TABLES[key(table)](table, row)


def test_the_table_of_changed_clocks_has_a_change_in_every_policy() -> None:
    """Each policy makes a difference somewhere, and elapsed time knows none of them."""
    for table in (one for one in TABLES if one.heading in docparts.CHANGES):
        for first, second in ((1, 2), (3, 4)):
            assert any(row[first] != row[second] for row in table.rows)
        elapsed = [row for row in table.rows if re.search(r"\d \* \* \* \*|/30 \* \* \* \*|every:", row[0])]
        assert elapsed
        assert all((row[1], row[3]) == (row[2], row[4]) for row in elapsed)


def test_our_side_of_the_comparison_is_ours() -> None:
    ours = {docpage.code(row[0].split(",")[0].split(" before")[0].split(" in ")[0]): row[1] for row in CRONTAB.rows}
    assert ours.keys() == {"0 0 */2 * MON", "L", "0 0 31 2 *", "@every 90s", "@reboot", "TZ=…", "7"}
    for text in ("@every 90s", "@reboot", "TZ=UTC 0 0 * * *"):
        with pytest.raises(Invalid):
            docruns.instants({"schedule": text})
    assert [name for name, here in ours.items() if here.startswith("refused")] == ["@every 90s", "@reboot", "TZ=…"]
    for text in ("0 0 L * *", "0 0 15W * *", "0 0 * * 5#2", "H H * * *", "0 0 0 * * *"):
        assert docruns.instants({"schedule": text}).after(docruns.CREATED) is not None
    never = docruns.instants({"schedule": "0 0 31 2 *"})
    assert never.after(docruns.CREATED) is None
    sundays = [docruns.following({"schedule": f"0 0 * * {day}"}, "2026-12-01T00:00:00Z", 9, "%a") for day in "07"]
    assert sundays == [", ".join(["Sun"] * 9)] * 2


def test_our_row_of_changed_clocks_is_ours() -> None:
    (row,) = [row for row in docpage.table("When clocks change").rows if row[0] == "**kronstream**"]
    ny = docpage.table("New York").rows
    spring = next(cells for cells in ny if "30 2 * * *" in cells[0])[1]
    autumn = next(cells for cells in ny if "30 1 * * *" in cells[0])[3]

    assert row[1:3] == (f"runs at {spring.split()[0]}", "runs once")
    assert len(autumn.split(", ")) == 1


def test_the_config_map_pauses_what_it_names() -> None:
    (obj,) = docruns.objects(PAUSES.text)
    written = read(obj)

    assert written.faults == ()
    assert set(written.pauses) == {"team-a", "team-b"}
    assert (written.pauses["team-b"].by, written.pauses["team-b"].until is None) == ("alice", False)
    assert set(read({**obj, "data": {"_all": "release"}}).pauses) == {EVERYTHING}
    assert obj["metadata"]["name"] == OperatorSettings.__dataclass_fields__["pauses"].default


def test_names_on_the_page_are_names_of_the_program() -> None:
    """Fields, reasons, settings and the annotation; a renamed one fails here."""
    assert f"{RUN_NOW}=" in PAGE
    for field in ("schedule", "schedules", "rrule", "every", "runAt", "timeZone", "notBefore", "notAfter", "exclude",
                  "jitter", "endAfter", "runIf", "catchUp", "startingDeadline", "concurrencyPolicy", "maxConcurrent",
                  "maxQueued", "maxBacklog", "concurrencyGroup", "suspendAfterFailures", "suspend", "dst"):  # fmt: skip
        assert f"`{field}`" in PAGE or f"`spec.{field}" in PAGE or f"{field}:" in PAGE, field
        assert field in SCHEMA, field
    columns = {column.name for kind in KINDS for column in kind.columns}
    assert "Suspended" in columns
    reasons = {reason.value for reason in Skip}
    told = set(re.findall(r"\b(?:as|reason) `([A-Z][A-Za-z]+)`", PAGE)) - {"NoNextRun"}
    assert told <= reasons
    assert {"Edited", "Paused", "Suspended", "Condition", "Backlog", "QueueFull", "Requested", "Expired"} <= told | {
        reason for reason in reasons if f"`{reason}`" in PAGE
    }
    settings = {one.metadata.get("env") for one in OperatorSettings.__dataclass_fields__.values()}
    assert {"KRONSTREAM_SCHEDULE_GRACE", "KRONSTREAM_PAUSED"} <= settings


@pytest.mark.parametrize(
    ("figure", "value"),
    [
        ("`COUNT` goes up to {}.", rule.MAX_COUNT),
        ("A search for the next run passes over {:,}\nexcluded stretches", exclusion.STRETCHES),
        ("the instants of a past range, at most {:,}, previewed", backfills.MAX_RUNS),
        ("**Skip** up to {} next instants", SKIP_LIMIT),
        ("a search goes {} years far", dst.CENTURY // 86_400 // 365),
        ("(`{}`): what was missed longer ago is skipped", duration.render(CatchUp().window_ms)),
        ("(the operator's setting `KRONSTREAM_SCHEDULE_GRACE`, {:g} minute)", docruns.GRACE / 60_000),
        ("- `maxRuns` ({}): with `All`", CatchUp().max_runs),
        ("Up to `maxQueued`\n({}) may wait", Spec.model_fields["max_queued"].default),
        ("`maxConcurrent` ({}) runs of the job are not over", Spec.model_fields["max_concurrent"].default),
        ("`maxBacklog` ({}) bounds something else", Spec.model_fields["max_backlog"].default),
        ("Up to {} of: a day, a range of days", SCHEMA["exclude"]["maxItems"]),
    ],
)
def test_figures_in_sentences_are_the_programs(figure: str, value: float | str) -> None:
    assert PAGE.count(figure.format(value)) == 1


@pytest.mark.parametrize(("field", "low", "high"), [("every", "1s", "366d")])
def test_bounds_in_sentences_are_the_programs(field: str, low: str, high: str) -> None:
    assert f"`{field}` is elapsed time, from `{low}` to `{high}`" in PAGE
    for text, good in ((low, True), (high, True), ("999ms", False), (f"{high}1ms", False)):
        spec = docruns.around({field: text})
        if good:
            docparts.good([spec])
        else:
            with pytest.raises(Invalid):
                docparts.good([spec])


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(#([^)]+)\)", PAGE))))
def test_a_link_within_the_page_leads_somewhere(link: str) -> None:
    heads = [line.lstrip("# ") for line in PAGE.splitlines() if line.startswith("#")]

    assert link in {re.sub(r"[^a-z0-9 -]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`(tests/[a-z_/]+\.py)`", PAGE))))
def test_a_test_that_the_page_names_is_there(path: str) -> None:
    assert (ROOT / path).exists()
