"""CEL over an object: has it succeeded, has it failed, or is it not over yet."""

from __future__ import annotations

from typing import Any

import pytest

from kronstream.domain import judgement
from kronstream.domain.judgement import MAX_BYTES, Unjudgeable, shown

ARGO = {"status": {"phase": "Succeeded", "progress": "1/1", "nodes": {"a": {"phase": "Succeeded"}}}}
TEKTON = {"status": {"conditions": [{"type": "Succeeded", "status": "True", "reason": "Succeeded"}]}}
DONE = 'object.status.conditions.exists(c, c.type == "Succeeded" && c.status == "True")'


def holds(text: str, obj: dict[str, Any]) -> bool:
    return judgement.compile(text).holds(shown(obj))


@pytest.mark.parametrize(
    ("text", "obj", "expected"),
    [
        ('object.status.phase == "Succeeded"', ARGO, True),
        ('object.status.phase in ["Failed", "Error"]', ARGO, False),
        (DONE, TEKTON, True),
        (DONE, {"status": {"conditions": []}}, False),
        ("has(object.status.completionTime)", ARGO, False),
        ("object.status.conditions.all(c, c.status == 'True')", TEKTON, True),
        ("object.status.succeeded >= object.spec.completions", {"spec": {"completions": 2}, "status": {}}, False),
        ("object.metadata.generation == object.status.observedGeneration", {"metadata": {"generation": 1}}, False),
    ],
)
def test_what_is_true_of_an_object(text: str, obj: dict[str, Any], expected: bool) -> None:
    assert holds(text, obj) is expected


@pytest.mark.parametrize("obj", [{}, {"status": {}}, {"status": {"conditions": []}}, {"status": {"phase": None}}])
def test_what_is_not_there_is_not_yet(obj: dict[str, Any]) -> None:
    for text in ('object.status.phase == "Succeeded"', 'object.status.conditions[0].status == "True"'):
        assert holds(text, obj) is False


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("object.status.phase > 3", "No matching overloads"),
        ("object.status.phase", "gives string, not true or false"),
        ("int(object.status.phase) == 1", "cannot convert string to int"),
        ("object.list.all(a, object.list.all(b, a >= 0))", "Iteration budget exceeded"),
    ],
)
def test_what_waiting_cannot_mend(text: str, says: str) -> None:
    with pytest.raises(Unjudgeable, match=says):
        holds(text, {**ARGO, "list": list(range(2_000))})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty; write an expression like"),
        ("x" * 1_025, "has 1025 characters; write at most 1024"),
        ('status.phase == "x"', "'status.phase' is not known; write object.status.phase if it is a field"),
        ('object.status.phase = "x"', "write == to compare"),
        ("object.status.conditions.map(c, c.type).size() > 0", "'map' cannot be used; write exists"),
        ('object.status.phase.matches("S.*")', "'matches' cannot be used; write contains"),
        ('"yes"', "gives string, not true or false"),
        ("((((", "write an expression like"),
        ('object.created.getHours("/dev/zero") == 1', "object"),
        ("(" * 400 + "true" + ")" * 400, ""),
        ("\ud800", "is not an expression"),
    ],
)
def test_what_cannot_be_read_is_said_with_what_to_write(text: str, says: str) -> None:
    if text.startswith("object.created"):
        # the receiver is not known to be a timestamp: the form that takes a zone does not exist, which is an error
        with pytest.raises((ValueError, Unjudgeable)):
            holds(text, {"created": "2026-11-28T00:00:00Z"})
        return
    with pytest.raises(ValueError, match=r".") as found:
        judgement.compile(text)
    assert says in str(found.value)
    assert not isinstance(found.value, Unjudgeable)


def test_the_functions_that_open_files_are_not_there() -> None:
    obj = {"created": "2026-11-28T09:00:00Z"}
    assert holds("timestamp(object.created).getHours() == 9", obj)
    with pytest.raises((ValueError, Unjudgeable)):
        holds('timestamp(object.created).getHours("Europe/Berlin") == 10', obj)


def test_a_large_object_loses_its_largest_fields_and_says_which() -> None:
    nodes = {f"node-{number}": "x" * 100 for number in range(300)}
    obj = {
        "kind": "Workflow",
        "metadata": {"name": "w", "managedFields": ["y" * 30_000], "annotations": {"a": "z" * 20_000}},
        "spec": {"templates": "t" * 17_000},
        "status": {"phase": "Succeeded", "nodes": nodes},
    }
    found = shown(obj)
    assert found.left_out == ("status.nodes", "metadata.annotations", "spec")
    assert found.value == {"kind": "Workflow", "metadata": {"name": "w"}, "status": {"phase": "Succeeded"}}
    assert obj["status"]["nodes"] == nodes, "the object itself is whole"
    assert shown(ARGO).left_out == ()


def test_what_is_shown_is_bounded_whatever_there_is() -> None:
    for obj in ({"status": "x" * 100_000}, {"data": ["x"] * 50_000}, {"status": {str(n): n for n in range(5_000)}}):
        assert len(str(shown(obj).value)) <= 2 * MAX_BYTES
