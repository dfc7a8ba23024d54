"""docs/http-api.md: its examples run in order and answer what the page says; its bounds are the program's."""

import json
import subprocess
from typing import Any

from integration.calls import Calls
from integration.installation import Installation
from kronstream.api import intake
from kronstream.api.settings import ApiSettings
from kronstream.ports.orders import MOST_ORDERS, MOST_RUNS
from unit import docpage
from unit.docpage import ROOT

PAGE = ROOT / "docs" / "http-api.md"


def holds(expected: Any, found: Any) -> bool:
    """Whether an answer has what the page tells of it."""
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(
            name in found and holds(expected[name], found[name]) for name in expected
        )
    return bool(expected == found)


def test_the_examples(doored: Installation) -> None:
    known = {"API": doored.url("api-1"), "PATH": "/usr/bin:/bin"}
    blocks = docpage.blocks(PAGE)
    assert len(blocks) > 25
    for number, block in enumerate(blocks):
        if block.language != "sh":
            continue
        done = subprocess.run(["bash", "-ec", block.text], env=known, capture_output=True, check=False)
        assert done.returncode == 0, (block.line, done.stderr)
        if "/stream" in block.text:
            assert "event: end" in done.stdout.decode()
            continue
        answer = json.loads(done.stdout)
        following = blocks[number + 1] if number + 1 < len(blocks) else block
        if following.language == "json":
            expected = json.loads(following.text)
            assert holds(expected, answer), (block.line, expected, answer)
        if isinstance(answer, dict):
            known.setdefault("JOB", answer.get("id", ""))
            if "execution_id" in answer:
                known.setdefault("RUN", answer["execution_id"])


def test_the_bounds_are_those_of_the_program(doored: Installation) -> None:
    text = PAGE.read_text("utf-8")
    assert f"{ApiSettings().rate:,} a minute" in text
    assert f"{ApiSettings().concurrency:,} at each replica" in text
    assert f"{ApiSettings().stranger_rate} a minute at each replica" in text
    assert f"{MOST_RUNS:,}; {MOST_ORDERS} operations" in text
    assert f"{intake.MAX_BYTES // 1024} KiB" in text
    assert f"| {intake.MAX_DEPTH}, of a payload" in text
    with Calls(doored.url("api-1")) as calls:
        assert calls.get("/jobs?limit=500").status_code == 200
        assert calls.get("/jobs?limit=501").status_code == 400
