"""Limits that hold over all workers."""

import pytest

from kronstream.domain.limits import Gate, Limits, function_gate, key_name, queue_gate


@pytest.mark.parametrize(
    ("text", "gate"),
    [
        ("3", Gate("q/mail", max=3)),
        ("100/1m", Gate("q/mail", count=100, per=60_000)),
        ("3+100/1m", Gate("q/mail", 3, 100, 60_000)),
        ("1/1d", Gate("q/mail", count=1, per=86_400_000)),
    ],
)
def test_a_limit_reads_as_it_is_written(text: str, gate: Gate) -> None:
    assert queue_gate("mail", text) == gate


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "10001", "3+", "+3", "3+/1m", "5/", "5/1ms", "5/2d", "0/1m", "1000001/1m", "²"]
)
def test_what_is_no_limit_says_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match=r"how many at a time \(3\), how many in a time \(100/1m\), or both"):
        function_gate("f", text)


def test_shapes_leave_out_what_is_not_limited() -> None:
    assert Limits({}, {}).shape() == {}
    assert Limits({"mail": queue_gate("mail", "3")}, {"f": function_gate("f", "5/1s")}).shape() == {
        "queues": {"mail": {"name": "q/mail", "max": 3}},
        "functions": {"f": {"name": "f/f", "count": 5, "per": 1000}},
    }


def test_keys_are_of_one_namespace_and_have_a_bound() -> None:
    names = {key_name(namespace, shared, key) for namespace in "ab" for shared in "ab" for key in ("x", "y" * 10_000)}
    assert len(names) == 8
    assert all(len(name) <= 63 + 2 + 21 for name in names)
