"""The examples of docs/handlers-http.md, applied on the real API server."""

import json

import pytest

from kronstream.dev.kubectl import Kubectl
from unit import docpage, docruns

BLOCKS = [block for block in docpage.blocks(docpage.ROOT / "docs" / "handlers-http.md") if block.language == "yaml"]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"line {block.line}")
def test_an_example_is_applied(block: docpage.Block, kubectl: Kubectl) -> None:
    text = block.text if "kind: Role" in block.text else json.dumps(docruns.objects(block.text)[0])

    assert "created" in kubectl("create", "--dry-run=server", "--validate=strict", "-f", "-", stdin=text)
