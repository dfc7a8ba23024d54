"""Zones: offsets, transitions, names."""

from datetime import UTC, datetime
from importlib import resources
from itertools import pairwise
from zoneinfo._zoneinfo import ZoneInfo as PythonZone  # the one that shows the changes it has read

import pytest
import tzdata

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
    york = zone.load("America/New_York")
    assert york.next_transition(second("9994-01-01T00:00Z")) is None
    assert york.span(second("9999-01-01T00:00Z")).offset == -18_000


def test_a_zone_is_loaded_once() -> None:
    assert zone.load("Europe/Berlin") is zone.load("Europe/Berlin")
    assert zone.load("Etc/GMT+5").offset(0) == -18_000
    assert zone.load("America/Argentina/Buenos_Aires").name == "America/Argentina/Buenos_Aires"


NEAREST = "; the nearest name is "


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("", ""),
        ("/etc/passwd", ""),
        ("../UTC", ""),
        ("Europe//Berlin", NEAREST + "Europe/Berlin"),
        ("Berlin ", NEAREST + "Europe/Berlin"),
        ("New York", NEAREST + "America/New_York"),
        ("+05:00", ""),
        ("zone.tab", ""),
        ("Ünïcode", ""),
    ],
)
def test_what_cannot_be_a_name_is_refused(name: str, nearest: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 the whole text is compared
        zone.load(name)
    assert str(caught.value) == f"{name!r} is not a time zone name{nearest}"


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("Mars/Olympus", ""),
        ("Europe", ""),
        ("leapseconds", ""),
        ("x" * 300, ""),
        ("europe/berlin", NEAREST + "Europe/Berlin"),
        ("Europe/Berln", NEAREST + "Europe/Berlin"),
        ("US/Easter", NEAREST + "US/Eastern"),
        ("lord_howe", NEAREST + "Australia/Lord_Howe"),
    ],
)
def test_a_name_that_is_unknown_is_told_with_the_database_version_and_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 the whole text is compared
        zone.load(name)
    assert str(caught.value) == f"{name!r} is not in the tz database {zone.VERSION}{nearest}"


def test_spans_follow_one_another() -> None:
    howe = zone.load("Australia/Lord_Howe")
    begin, end = second("2026-01-01T00:00Z"), second("2028-01-01T00:00Z")
    spans = howe.spans(begin, end)
    assert spans[0].start <= begin < spans[0].end
    assert spans[-1].start < end <= spans[-1].end
    assert [a.end for a in spans[:-1]] == [b.start for b in spans[1:]]
    assert {span.offset for span in spans} == {37_800, 39_600}
    for span in spans:
        assert {howe.offset(at) for at in (span.start, (span.start + span.end) // 2, span.end - 1)} == {span.offset}


def test_no_zone_changes_so_fast_that_a_sample_in_four_days_misses_it() -> None:
    names = resources.files(tzdata).joinpath("zones").read_text().split()
    assert len(names) > 500
    for name in names:
        with resources.files(tzdata).joinpath("zoneinfo", *name.split("/")).open("rb") as file:
            info = PythonZone.from_file(file)
        offsets = [each.utcoff for each in (info._tti_before, *info._ttinfos)]
        changes = [at for at, (a, b) in zip(info._trans_utc, pairwise(offsets), strict=True) if a != b]
        assert all(after - before > 4 * zone.DAY for before, after in pairwise(changes)), name
