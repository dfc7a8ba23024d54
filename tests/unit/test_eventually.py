"""The one way in which tests wait."""

import time

import pytest

import eventually as waiting
from eventually import eventually


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "STALL", 0.0)


def test_what_comes_is_answered_and_what_does_not_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "slowness", lambda: 1.0)
    values = iter([0, 0, 7])
    assert eventually(lambda: next(values), within=5) == 7
    with pytest.raises(AssertionError, match=r"not within 0\.1 s \(last: 0\) for a reason"):
        eventually(lambda: 0, within=0.1, because="for a reason")


def test_a_slow_machine_has_more_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "slowness", lambda: 5.0)
    begin = time.monotonic()
    assert eventually(lambda: time.monotonic() - begin > 0.4, within=0.2)
    with pytest.raises(AssertionError):
        eventually(lambda: 0, within=0.05)


def test_what_stood_still_for_a_moment_has_more_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "slowness", lambda: 1.0)
    monkeypatch.setattr(waiting, "STALL", 30.0)
    begin = time.monotonic()
    assert eventually(lambda: time.monotonic() - begin > 0.4, within=0.1)


def test_a_machine_is_never_quicker_than_usual(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "PROGRAM", "pass")
    monkeypatch.setattr(waiting, "USUAL", 600.0)
    assert waiting.slowness() == 1.0
