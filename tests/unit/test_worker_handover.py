"""What a person reads whose function nobody offers."""

import pytest

from kronstream.worker.handover import Handover
from unit.fakequeue import FakeQueue, card, claim


@pytest.mark.parametrize(
    ("function", "known"), [("ehco", "echo, sleep"), ("@jobs", "@http")], ids=["a function", "a handler type"]
)
def test_it_lists_what_could_have_been_meant(function: str, known: str) -> None:
    handover = Handover(FakeQueue(), card(functions=("sleep", "@http", "echo")))

    failure = handover.unknown(claim(function), "default").failure

    assert failure is not None
    assert failure.message == f"no live worker of the queue 'default' offers '{function}'; known are: {known}"
