"""docs/handlers-http.md says what the program does: every example and table on it."""

import re
from dataclasses import replace
from typing import Any

import pytest
import yaml

from kronstream.cli.documents import read
from kronstream.domain import address, template
from kronstream.domain.address import Allowed
from kronstream.domain.errors import Invalid
from kronstream.domain.expression import MAX_LENGTH
from kronstream.domain.retry import Retry
from kronstream.ports import Claim, LastSuccess, bounds
from kronstream.resources import parse_spec
from kronstream.settings import TypeSettings
from kronstream.worker.http import answer, gate, secrets
from kronstream.worker.http import type as http_type
from kronstream.worker.http.answer import Answer, failure_of
from kronstream.worker.http.message import compose, values_of
from unit import docpage, docparts, docruns
from unit.docpage import ROOT, Block, code
from unit.httpbench import NOW, claim, run_for

PATH = ROOT / "docs" / "handlers-http.md"
PAGE = PATH.read_text("utf-8")
BLOCKS = [block for block in docpage.blocks(PATH) if block.language == "yaml"]
JOBS = [block for block in BLOCKS if "kind: Role" not in block.text]
TABLES = docpage.tables(PATH)
UID = "5f0f6a3e-9b1c-4c77-8d0e-1f6f2f0a7c11"
API = "https://kronstream.example/api/v1/scheduler"


def rows(heading: str, number: int = 0) -> tuple[tuple[str, ...], ...]:
    return [table for table in TABLES if table.heading == heading][number].rows


def spec(block: Block) -> dict[str, Any]:
    (found,) = docruns.objects(block.text)
    fields: dict[str, Any] = found["spec"]
    return fields


def sample(**fields: Any) -> Claim:
    """The attempt that the page tells of."""
    templates = next(block for block in JOBS if block.heading == "Templates")
    made = claim(
        spec(templates)["payload"],
        http=spec(templates)["handler"]["http"],
        timeout=300_000,
        run=f"{UID}-s{NOW}",
        attempt=3,
        previous=NOW - 900_000,
        trace="4bf92f3577b34da6a3ce929d0e0e4736",
        last_success=LastSuccess(f"{UID}-s{NOW - 3_600_000}", NOW - 3_600_000),
    )
    return replace(made, work=replace(made.work, namespace="shop", name="sync", platform_id="eu-1"), **fields)


def sent(http: dict[str, Any], work: dict[str, str]) -> dict[str, str]:
    made = sample()
    return dict(compose(http_type.read_block(http), made, run_for(made), {}, work).headers)


def test_the_page_is_read_whole() -> None:
    assert len(JOBS) == 5
    assert len(BLOCKS) == 6
    assert {(table.heading, table.columns[0]) for table in TABLES} == {
        ("A request", "header"), ("Templates", "write"), ("What the answer means", "answer"),
        ("Work that goes on", "header"), ("Where requests may go", "address"), ("Where requests may go", "entry"),
        ("What bad input gets", "write"),
    }  # fmt: skip


@pytest.mark.parametrize("block", JOBS, ids=lambda block: f"line {block.line}")
def test_an_example_is_a_job_that_the_operator_takes(block: Block) -> None:
    docparts.good(docruns.objects(block.text))

    # every field that it writes is one, down to the last: a model passes over what it does not know
    written, known = spec(block)["handler"]["http"], parse_spec(spec(block)).handler.call
    assert known is not None
    assert contains(known, written)


def contains(known: Any, written: Any) -> bool:
    if isinstance(written, dict):
        return isinstance(known, dict) and all(key in known and contains(known[key], written[key]) for key in written)
    if isinstance(written, list):
        return len(known) == len(written) and all(map(contains, known, written))
    return str(known) == str(written)


def test_the_role_allows_what_the_example_reads() -> None:
    role, binding = yaml.safe_load_all(next(block for block in BLOCKS if "kind: Role" in block.text).text)
    example = spec(next(block for block in JOBS if block.heading == "Secrets and signatures"))
    http = example["handler"]["http"]
    refs = [http["headersFrom"][0]["secretKeyRef"], http["signature"]["secretKeyRef"], http["tls"]["caSecretRef"]]

    assert {ref["name"] for ref in refs} == set(role["rules"][0]["resourceNames"])
    assert role["rules"] == [
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["report-api"], "verbs": ["get"]}
    ]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert binding["subjects"][0]["name"] == example["serviceAccountName"]


@pytest.mark.parametrize("row", rows("A request"))
def test_a_header_of_every_request(row: tuple[str, ...]) -> None:
    headers = sent({"url": "https://example.com/"}, {})

    assert headers[code(row[0])] == code(row[1])


def test_the_table_has_every_header_that_says_something_of_the_run() -> None:
    headers = sent({"url": "https://example.com/"}, {})

    assert headers.keys() - {code(each[0]) for each in rows("A request")} == {
        "Accept", "Accept-Encoding", "Content-Type",
    }  # fmt: skip


@pytest.mark.parametrize("row", rows("Templates"), ids=lambda row: row[0])
def test_what_an_expression_gives(row: tuple[str, ...]) -> None:
    made = sample()

    assert template.compile(code(row[0])).render(values_of(made, run_for(made))) == code(row[1])


def test_the_table_has_every_name() -> None:
    written = " ".join(row[0] for row in rows("Templates"))

    assert [name for name in template.NAMES if name not in written] == []


@pytest.mark.parametrize("row", rows("What the answer means"), ids=lambda row: row[0])
def test_what_becomes_of_an_answer(row: tuple[str, ...]) -> None:
    status = int(code(row[0])[:3])
    told = failure_of(Answer("https://example.com/", status), Retry(), NOW)

    assert str(told).startswith(code(row[0]))
    assert told.codes == (code(row[1]),)
    assert row[2] == ("no" if told.permanent else "yes")
    assert not failure_of(Answer("", status), Retry(only_on=(f"http:{status}",)), NOW).permanent


def test_the_codes_of_the_example_are_codes_of_the_program() -> None:
    source = (ROOT / "operator/kronstream/worker/http/unanswered.py").read_text()
    for name in ("http:connect", "http:timeout", "http:tls"):
        assert f"`{name}`" in PAGE
        assert f'"{name}"' in source


def test_the_headers_of_work_that_goes_on() -> None:
    token = "the attempt's own"
    run = f"{UID}-s{NOW}"
    table = {code(name): code(value) for name, value in rows("Work that goes on")}

    assert table == {
        "Kronstream-Run": run,
        "Kronstream-Token": token,
        "Kronstream-Callback": f"{API}/executions/{run}/complete",
    }
    names = {"KRONSTREAM_HTTP_ALLOW", "KRONSTREAM_CALLBACK_URL"}
    assert names <= {one.metadata["env"] for one in TypeSettings.__dataclass_fields__.values()}
    assert all(f"`{name}`" in PAGE for name in names)


@pytest.mark.parametrize("row", rows("Where requests may go"), ids=lambda row: row[0])
def test_what_an_address_is(row: tuple[str, ...]) -> None:
    found = address.meant(code(row[0]))

    assert address.kind_of(found) == row[1]
    allowed = Allowed.of(["private"]).refusal("example.com", code(row[0])) is None
    assert allowed is (row[1] == "private")


@pytest.mark.parametrize(
    ("entry", "host", "reached"),
    [
        ("10.96.0.0/12", "example.com", "10.100.0.1"),
        ("api.internal", "api.internal", "10.1.2.3"),
        (".svc.cluster.local", "shop.default.svc.cluster.local", "10.1.2.3"),
        ("private", "example.com", "192.168.1.1"),
    ],
)
def test_what_an_entry_allows(entry: str, host: str, reached: str) -> None:
    assert [code(row[0]) for row in rows("Where requests may go", 1)].count(entry) == 1
    assert Allowed.of([entry]).refusal(host, reached) is None
    assert Allowed.of([entry]).refusal(host, "169.254.1.1") is not None
    assert (Allowed.of([entry]).refusal(host, "127.0.0.1") is None) is (entry == "api.internal")
    assert Allowed.of([entry]).refusal("other.example", "10.1.2.3" if entry != "private" else "127.0.0.1") is not None


@pytest.mark.parametrize("row", rows("What bad input gets"), ids=lambda row: row[0])
def test_a_row_says_what_the_program_says(row: tuple[str, ...]) -> None:
    (document,) = read(code(row[0]))
    http = {"url": "https://example.com/", **document.value}
    fields = {"every": "1h", "handler": {"http": http}}
    assert row[1:] == said(fields)


def said(fields: dict[str, Any]) -> tuple[str, str]:
    """Who tells what is wrong with a spec, and in which words."""
    try:
        parse_spec(fields)
    except Invalid as fault:
        return "`kubectl apply`", f"`` {fault} ``"
    with pytest.raises(Invalid) as caught:
        docruns.meaning(docruns.around(fields))
    return "the status", f"`` {caught.value} ``"


@pytest.mark.parametrize(
    ("figure", "value"),
    [
        ("An expression has at most {:,}\n  characters", MAX_LENGTH),
        ("a text at most {} of them", template.MAX_EXPRESSIONS),
        ("a payload of more than {:g} KiB of JSON", template.MAX_DATA / 1024),
        ("Workers keep a Secret for {:g} seconds.", secrets.KEEP),
        ("An answer that makes more than {:g} KiB", bounds.RESULT / 1024),
        ("`http:timeout` (none within {:g} seconds)", gate.CONNECT),
        ("the first {} characters of the answer", answer.QUOTED),
    ],
)
def test_figures_in_sentences_are_the_programs(figure: str, value: float) -> None:
    assert PAGE.count(figure.format(value)) == 1


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(#([^)]+)\)", PAGE))))
def test_a_link_within_the_page_leads_somewhere(link: str) -> None:
    heads = [line.lstrip("# ") for line in PAGE.splitlines() if line.startswith("#")]

    assert link in {re.sub(r"[^a-z0-9 -]", "", head.lower()).replace(" ", "-") for head in heads}
