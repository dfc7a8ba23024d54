"""docs/schedules.md on the real API server: its jobs are taken, its bad input gets the messages that it shows."""

import json
import re

import pytest

from integration.installation import Installation
from integration.objects import Object, RefusedError, condition, ready
from unit import docruns
from unit.docpage import blocks, code, table

JOBS = [block for block in blocks() if block.language == "yaml" and "kind: ConfigMap" not in block.text]
AT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")


def timeless(text: str) -> str:
    """A message without the instants that depend on when the job was created."""
    return AT.sub("…", text)


def job(name: str, cell: str) -> Object:
    """The job that a cell of a table writes."""
    return docruns.around(docruns.fields(code(cell)), f"default/{name}")


def test_every_example_is_taken_and_ready(installation: Installation) -> None:
    written = []
    for number, block in enumerate(JOBS):
        for obj in docruns.objects(block.text):
            # examples share names; what the page computes from a name is compared elsewhere
            name = f"{obj['metadata']['name']}-{number}"
            written.append({**obj, "metadata": {"name": name, "namespace": "default"}})
    for obj in written:
        installation.plane.kubectl("apply", "-f", "-", stdin=json.dumps(obj))
    for obj in written:
        installation.wait(obj, ready)
    installation.apply(*written)

    assert len(written) > 20


@pytest.mark.parametrize("number", range(len(table("What bad input gets").rows)))
def test_bad_input_gets_its_message_where_the_page_says(number: int, installation: Installation) -> None:
    cell, teller, shown = table("What bad input gets").rows[number]
    bad, message = job(f"page-{number}", cell), code(shown)

    if teller == "the status":
        (applied,) = installation.apply(bad)
        told = installation.wait(applied, lambda found: condition(found, "Stalled").get("status") == "True", within=5)
        for kind in ("Stalled", "Ready"):
            assert timeless(condition(told, kind)["message"]) == timeless(message)
    else:
        with pytest.raises(RefusedError) as refused:
            installation.apply(bad)
        field, _, fault = message.partition(": ")
        instead = fault[fault.index("; ") + 2 :]
        assert instead.startswith(("write", "remove", "keep"))
        assert field in str(refused.value)
        assert instead in str(refused.value)


@pytest.mark.parametrize("number", range(len(table("What bad input gets", 1).rows)))
def test_what_never_runs_gets_its_reason(number: int, installation: Installation) -> None:
    cell, shown = table("What bad input gets", 1).rows[number]

    (applied,) = installation.apply(job(f"never-{number}", cell))
    told = condition(installation.wait(applied, ready), "Ready")

    assert (told["status"], told["reason"]) == ("True", "NoNextRun")
    assert timeless(told["message"]) == timeless(code(shown))
