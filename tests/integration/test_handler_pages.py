"""The examples of the pages about handlers, retries and delivery, applied on the real API server."""

import json

import pytest

from kronstream.dev.kubectl import Kubectl
from unit import docpage, docruns

PAGES = ("delivery", "handlers", "handlers-job", "handlers-streams", "handlers-workflow-resource", "retries")
EXAMPLES = [
    (name, block)
    for name in PAGES
    for block in docpage.blocks(docpage.ROOT / "docs" / f"{name}.md")
    if block.language == "yaml"
]


def test_every_page_has_examples() -> None:
    assert {name for name, _ in EXAMPLES} == set(PAGES)


@pytest.mark.parametrize(("name", "block"), EXAMPLES, ids=[f"{name}-{block.line}" for name, block in EXAMPLES])
def test_an_example_is_applied(name: str, block: docpage.Block, kubectl: Kubectl) -> None:
    obj = docruns.around(docruns.fields(block.text), f"default/{name}-{block.line}")

    assert "created" in kubectl("create", "--dry-run=server", "--validate=strict", "-f", "-", stdin=json.dumps(obj))
