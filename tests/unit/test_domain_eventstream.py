"""Which streams EventHandlers may name."""

import pytest

from kronstream.domain.eventstream import OWN, Readable


@pytest.mark.parametrize("stream", [*OWN, "stream:own:jobs"])
@pytest.mark.parametrize("allowed", [(), ("*",), ("stream:*",)], ids=["any", "all", "beginning"])
def test_streams_of_kronstream_itself_are_read_by_nobody(stream: str, allowed: tuple[str, ...]) -> None:
    said = Readable.of(["stream:own:jobs"], allowed).refusal(stream)

    assert said == (
        f"{stream} has no events but what kronstream and its workers, agents and workflow engines tell each other; "
        "name another stream"
    )


@pytest.mark.parametrize(
    ("allowed", "stream"),
    [
        ((), "anything"),
        (("stream:events",), "stream:events"),
        (("stream:events", "stream:shop:*"), "stream:shop:orders"),
        (("stream:shop:*",), "stream:shop:"),
        (("*",), "anything"),
    ],
)
def test_what_is_allowed(allowed: tuple[str, ...], stream: str) -> None:
    assert Readable.of([], allowed).refusal(stream) is None


@pytest.mark.parametrize("stream", ["stream:events2", "stream:event", "stream:shop", "x:stream:shop:a", "orders"])
def test_what_is_not_allowed_is_told_with_what_is(stream: str) -> None:
    said = Readable.of([], ["stream:events", "stream:shop:*"]).refusal(stream)

    assert said == (
        f"{stream} is not among the streams that handlers may name: stream:events, stream:shop:*; name one of these, "
        "or have an administrator add it to KRONSTREAM_EVENT_STREAMS of the routers"
    )


def test_a_long_list_is_cut() -> None:
    said = Readable.of([], [f"stream:{number}" for number in range(1_000)]).refusal("other") or ""

    assert "stream:19 and 980 more; name" in said
