"""Small stored objects, read by a version that did not write them."""

from dataclasses import dataclass

import pytest

from kronstream.domain.stored import known


@dataclass(frozen=True)
class Pause:
    by: str
    reason: str = "none given"


def test_what_a_newer_version_added_is_passed_over() -> None:
    assert known(Pause, {"by": "ann", "reason": "audit", "mood": "calm"}) == Pause("ann", "audit")


def test_what_an_older_version_did_not_write_has_its_default() -> None:
    assert known(Pause, {"by": "ann"}) == Pause("ann")


def test_what_has_no_default_is_asked_for() -> None:
    with pytest.raises(TypeError, match="by"):
        known(Pause, {"reason": "audit"})
