"""Zones: offsets, transitions, names."""

from datetime import UTC, datetime

import pytest

from kronstream.domain import zone


def second(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def test_transitions_are_found_to_the_second() -> None:
    york = zone.load("America/New_York")
    spring = york.next_transition(second("2026-01-01T00:00Z"))
    assert spring == zone.Transition(second("2026-03-08T07:00Z"), -18_000, -14_400)
    autumn = york.next_transition(spring.instant)
    assert autumn == zone.Transition(second("2026-11-01T06:00Z"), -14_400, -18_000)
    following = york.next_transition(autumn.instant)
    assert following is not None
    assert datetime.fromtimestamp(following.instant, UTC).year == 2027
    assert york.next_transition(spring.instant - 1) == spring


def test_a_transition_on_the_first_of_january_is_of_its_year() -> None:
    # Singapore moved its clocks at the end of 1981
    singapore = zone.load("Asia/Singapore")
    found = singapore.next_transition(second("1981-06-01T00:00Z"))
    assert found == zone.Transition(second("1981-12-31T16:00Z"), 27_000, 28_800)
    assert singapore.next_transition(found.instant) is None


def test_a_zone_that_never_changes_has_no_transition() -> None:
    kathmandu = zone.load("Asia/Kathmandu")
    assert kathmandu.next_transition(second("2026-01-01T00:00Z")) is None
    assert kathmandu.offset(second("2026-01-01T00:00Z")) == 20_700


def test_nothing_is_looked_for_at_the_end_of_time() -> None:
    assert zone.load("America/New_York").next_transition(second("9994-01-01T00:00Z")) is None


def test_a_zone_is_loaded_once() -> None:
    assert zone.load("Europe/Berlin") is zone.load("Europe/Berlin")
    assert zone.load("Etc/GMT+5").offset(0) == -18_000
    assert zone.load("America/Argentina/Buenos_Aires").name == "America/Argentina/Buenos_Aires"


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../UTC", "Europe//Berlin", "Berlin ", "+05:00", "zone.tab"])
def test_what_cannot_be_a_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 the whole text is compared
        zone.load(name)
    assert str(caught.value) == f"{name!r} is not a time zone name"


@pytest.mark.parametrize("name", ["Mars/Olympus", "Europe", "europe/berlin", "leapseconds", "x" * 300, "Ünïcode"])
def test_a_name_that_is_unknown_is_told_with_the_database_version(name: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 the whole text is compared
        zone.load(name)
    assert str(caught.value) == f"{name!r} is not in the tz database {zone.VERSION}"
