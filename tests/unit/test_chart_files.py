"""Files of the chart that follow from others; rules that its templates keep."""

import json
import re
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
import yaml
from scripts.chart import CHART, COMPONENTS, MADE, ROOT, generated, rows, settings_of

import kronstream
from kronstream.domain.address import METADATA

VALUES = (CHART / "values.yaml").read_text("utf-8")
TEMPLATES = {path.name: path.read_text("utf-8") for path in (CHART / "templates").rglob("*.*")}


@pytest.mark.parametrize("file", sorted(generated()), ids=lambda file: file.name)
def test_it_is_as_generated(file: object) -> None:
    path = next(path for path in generated() if path == file)
    assert path.read_text("utf-8") == generated()[path], "run `make chart`"


def test_nothing_is_left_of_older_crds() -> None:
    names = [{path.name for path in folder.glob("*.yaml")} for folder in (ROOT / "crds", CHART / "files" / "crds")]
    assert names[0] == names[1] != set()


def test_chart_and_program_have_one_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    assert chart["version"] == chart["appVersion"] == kronstream.__version__


def leaves(value: object, path: str = "") -> list[str]:
    if not isinstance(value, dict) or not value:
        return [path]
    return [leaf for key, inner in value.items() for leaf in leaves(inner, f"{path}.{key}".lstrip("."))]


def test_every_value_is_described() -> None:
    told = [path for path, _ in rows(VALUES)]
    assert len(told) == len(set(told))
    untold = [leaf for leaf in leaves(yaml.safe_load(VALUES)) if not any(f"{leaf}.".startswith(f"{p}.") for p in told)]
    assert untold == []


def test_a_description_of_two_lines_is_read() -> None:
    text = "a:\n  # -- one\n  # two\n  b: 1\n\n# a section\nc:\n  # -- three\n  d:\n  - x: 1\n"
    assert list(rows(text)) == [("a.b", "one two"), ("c.d", "three")]


def test_each_setting_is_a_value_or_made_by_the_chart() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    for name, kind in COMPONENTS.items():
        offered = set(schema["definitions"][f"{name}Settings"]["properties"])
        assert offered | MADE >= {env for env, _ in settings_of(kind)}
        assert not offered & MADE
    everything = {env for kind in COMPONENTS.values() for env, _ in settings_of(kind)}
    assert everything >= MADE


def test_settings_that_the_chart_makes_exist() -> None:
    made = set(re.findall(r"name: (KRONSTREAM_[A-Z_]+)", "".join(TEMPLATES.values())))
    everything = {env for kind in COMPONENTS.values() for env, _ in settings_of(kind)}
    assert made <= everything
    assert made <= MADE


def test_what_the_chart_makes_is_refused_under_env() -> None:
    rendered = "".join(text for name, text in TEMPLATES.items() if name != "_check.tpl")
    made = set(re.findall(r"name: (KRONSTREAM_[A-Z_]+)", rendered))
    assert len(made) > 15
    assert set(re.findall(r'"(KRONSTREAM_[A-Z_]+)"', TEMPLATES["_check.tpl"])) == made


def test_workers_do_not_reach_what_answers_who_is_on_a_machine() -> None:
    """The addresses that requests of jobs never go to are closed to functions, too, where the network is."""
    (rule,) = yaml.safe_load(VALUES)["workerDefaults"]["egress"]
    blocks = [peer["ipBlock"] for peer in rule["to"]]
    assert [str(one) for one in METADATA for block in blocks if reached(str(one), block)] == []
    assert all(any(reached(public, block) for block in blocks) for public in ("1.1.1.1", "2606:4700::1111"))


def reached(address: str, block: dict[str, Any]) -> bool:
    """Whether an ipBlock of a policy lets traffic to an address out."""
    return ip_address(address) in ip_network(block["cidr"]) and not any(
        ip_address(address) in ip_network(network) for network in block["except"]
    )
