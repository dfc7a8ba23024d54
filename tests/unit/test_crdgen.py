"""The generated CustomResourceDefinitions: bounded, described, structural, and the ones that are checked in."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import yaml
from click.testing import CliRunner
from pydantic import Field

from kronstream import crdgen
from kronstream.cli.crds import crds
from kronstream.resources import EVENT_HANDLER, KINDS, SCHEDULED_JOB, Kind
from kronstream.resources.base import Part

CHECKED_IN = Path(__file__).parents[2] / "crds"
ROOT_TEXTS = {"apiVersion", "kind"}  # the API server bounds these

Node = dict[str, Any]


def nodes(schema: Node, path: str = "") -> Iterator[tuple[str, Node]]:
    """Every schema below a schema, with its path."""
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield from nodes(schema[key], f"{path}[]")


def schema(kind: Kind = SCHEDULED_JOB) -> Node:
    version: Node = crdgen.manifest(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return version


def below_root(kind: Kind) -> list[tuple[str, Node]]:
    return [(path, node) for part in ("spec", "status") for path, node in nodes(schema(kind)["properties"][part], part)]


BELOW_ROOT = [(f"{kind.name}.{path}", node) for kind in KINDS for path, node in below_root(kind)]


@pytest.mark.parametrize(("path", "node"), BELOW_ROOT, ids=[path for path, _ in BELOW_ROOT])
def test_everything_is_bounded(path: str, node: Node) -> None:
    match node.get("type"):
        case "string":
            assert "enum" in node or "maxLength" in node
        case "integer" | "number":
            assert {"minimum", "maximum"} <= node.keys()
        case "array":
            assert {"maxItems", "items", "x-kubernetes-list-type"} <= node.keys()
        case "object":
            assert "properties" in node or {"additionalProperties", "maxProperties"} <= node.keys()
        case "boolean":
            assert "enum" not in node
        case None if "x-kubernetes-int-or-string" in node:
            assert "maxLength" in node
            assert "x-kubernetes-validations" in node  # CEL bounds the number
        case None:
            assert node["x-kubernetes-preserve-unknown-fields"] is True
            assert node["nullable"] is True
            assert {"maxLength", "maxItems", "maxProperties"} <= node.keys()
        case other:
            pytest.fail(f"{path} has the unknown type {other}")


def test_everything_is_described() -> None:
    bare = [path for path, node in BELOW_ROOT if "description" not in node and not path.endswith("[]")]

    assert bare == []


def test_descriptions_tell_the_defaults_as_they_are_written() -> None:
    spec = schema()["properties"]["spec"]["properties"]

    assert spec["timeout"]["description"].endswith(" Default: 5m.")
    assert spec["retry"]["properties"]["backoff"]["properties"]["factor"]["description"].endswith(" Default: 2.")
    assert spec["catchUp"]["properties"]["window"]["description"].endswith(" Default: 1h.")
    assert "Default" not in spec["schedule"]["description"]


def test_only_what_a_reader_wants_to_see_is_filled_in() -> None:
    def filled(kind: Kind) -> Node:
        return {path: node["default"] for path, node in below_root(kind) if "default" in node}

    assert filled(SCHEDULED_JOB) == {
        "spec.dst.gap": "RunAfter",  # once dst is written
        "spec.dst.repeat": "First",
        "spec.suspend": False,
        "spec.concurrencyPolicy": "Allow",
        "spec.priority": "medium",
        "spec.queue": "default",
        "status": {"observedGeneration": -1},
    }
    assert filled(EVENT_HANDLER) == {
        "spec.source": {"stream": "stream:events"},
        "spec.source.stream": "stream:events",  # once source is written
        "spec.priority": 0,
        "spec.enabled": True,
        "status": {"observedGeneration": -1},
    }


def test_rules_have_messages() -> None:
    rules = [rule for _, node in BELOW_ROOT for rule in node.get("x-kubernetes-validations", ())]

    assert len(rules) >= 41
    assert all(rule["message"] and "\n" not in rule["message"] + rule["rule"] for rule in rules)


def test_an_object_says_what_its_class_says() -> None:
    spec = schema()["properties"]["spec"]["properties"]

    assert spec["dst"]["description"].startswith(
        "What becomes of the times of day that the clocks of timeZone leave out"
    )
    assert "Instants of the last minute are late, not missed" in spec["catchUp"]["description"]
    assert "They live in Redis" in spec["history"]["description"]


def test_a_refused_beginning_silences_the_rules_of_its_text() -> None:
    zone, every, shape = schema()["properties"]["spec"]["properties"]["schedules"]["items"]["x-kubernetes-validations"]

    assert zone["message"] == "write the zone apart, as timeZone: Europe/Berlin"
    assert every["message"] == "write every: 90s, in place of a schedule"
    assert all("self.matches(r'^([ \\t]*(CRON_)?TZ=)') || " in rule["rule"] for rule in (every, shape))


def test_keywords_of_its_own_do_not_leak() -> None:
    assert "x-kronstream" not in "".join(crdgen.files().values())


def test_columns_for_a_time_ahead_are_not_dates() -> None:
    columns = {
        column["name"]: column
        for column in crdgen.manifest(SCHEDULED_JOB)["spec"]["versions"][0]["additionalPrinterColumns"]
    }

    assert columns["Next"]["type"] == "string"
    assert columns["Last"]["type"] == "date"
    assert [name for name, column in columns.items() if column.get("priority") == 1] == [
        "Handler",
        "Priority",
        "Queue",
        "Policy",
        "Group",
        "Resolved",
        "Skipped",
        "Active",
        "Reason",
    ]


class Choice(Part):
    value: int | str


class Odd(Part):
    value: Annotated[int, Field(multiple_of=2)]


class Fixed(Part):
    value: Literal["a"] | None = None
    pages: list[Annotated[str, Field(max_length=3)]] = Field(default_factory=list, max_length=2)


def test_a_choice_of_types_is_refused() -> None:
    with pytest.raises(crdgen.NotStructural, match=r"Choice\.value: a choice of 2 types; write optional siblings"):
        crdgen.structural(Choice)


def test_an_unknown_keyword_is_refused() -> None:
    with pytest.raises(crdgen.NotStructural, match=r"Odd\.value: no place for multipleOf"):
        crdgen.structural(Odd)


def test_optional_is_left_out_and_const_is_an_enum() -> None:
    assert crdgen.structural(Fixed) == {
        "type": "object",
        "properties": {
            "value": {"type": "string", "enum": ["a"]},
            "pages": {"type": "array", "maxItems": 2, "items": {"type": "string", "maxLength": 3}},
        },
    }


def test_the_checked_in_files_are_the_generated_ones() -> None:
    result = CliRunner().invoke(crds, ["--check", str(CHECKED_IN)])

    assert (result.exit_code, result.output) == (0, "")


def test_write_then_check_agrees(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "crds"

    assert CliRunner().invoke(crds, ["--write", str(folder)]).exit_code == 0
    assert CliRunner().invoke(crds, ["--check", str(folder)]).exit_code == 0
    assert sorted(file.name for file in folder.iterdir()) == [
        "Kustomization", "kronstream.dev_eventhandlers.yaml", "kronstream.dev_scheduledjobs.yaml",
    ]  # fmt: skip


@pytest.mark.parametrize("harm", ["edited", "missing", "extra"])
def test_check_names_what_differs(tmp_path: Path, harm: str) -> None:
    CliRunner().invoke(crds, ["--write", str(tmp_path)])
    file = tmp_path / "kronstream.dev_scheduledjobs.yaml"
    match harm:
        case "edited":
            file.write_text(file.read_text(encoding="utf-8").replace("minimum: 1\n", "minimum: 0\n"), encoding="utf-8")
        case "missing":
            file.unlink()
        case _:
            file = tmp_path / "kronstream.dev_gone.yaml"
            file.touch()

    result = CliRunner().invoke(crds, ["--check", str(tmp_path)])

    assert result.exit_code == 1
    assert f"differs from the models in {file.name}; run `make manifests`" in result.output


def test_printed_they_can_be_piped_into_kubectl() -> None:
    result = CliRunner().invoke(crds, [])

    assert [document["metadata"]["name"] for document in yaml.safe_load_all(result.output)] == [
        "scheduledjobs.kronstream.dev",
        "eventhandlers.kronstream.dev",
    ]


def test_write_and_check_exclude_each_other(tmp_path: Path) -> None:
    result = CliRunner().invoke(crds, ["--write", str(tmp_path), "--check", str(tmp_path)])

    assert result.exit_code == 2
    assert "exclude each other" in result.output
