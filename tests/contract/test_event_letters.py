"""Dead letters of events: kept as they came, bounded, listed from the newest."""

from dataclasses import replace

import pytest

from contract.stores import Store
from kronstream.ports import EventLetter
from kronstream.ports.eventletters import MOST, TEXT_LIMIT

pytestmark = pytest.mark.anyio

LETTER = EventLetter("NotJson", "not JSON at line 1", 1_700_000_000_000, "stream:events", "7-1", "", "{")


async def test_a_letter_is_kept_as_it_came(store: Store) -> None:
    await store.event_letters.bury([LETTER])
    (found,) = await store.event_letters.listed(10)
    assert replace(found, id="") == LETTER
    assert await store.event_letters.get(found.id) == found
    assert await store.event_letters.count() == 1


async def test_what_is_not_said_is_empty_and_the_instant_is_now(store: Store) -> None:
    await store.event_letters.bury([EventLetter("Odd"), EventLetter("")])
    empty, odd = await store.event_letters.listed(10)
    assert (odd.reason, odd.message, odd.stream, odd.entry, odd.handler, odd.text) == ("Odd", "", "", "", "", "")
    assert abs(odd.at - store.now()) < 5_000
    assert empty.reason == ""


async def test_the_newest_come_first_in_pages(store: Store) -> None:
    await store.event_letters.bury([replace(LETTER, entry=str(number)) for number in range(5)])
    first = await store.event_letters.listed(2)
    second = await store.event_letters.listed(10, first[-1].id)
    assert [letter.entry for letter in (*first, *second)] == ["4", "3", "2", "1", "0"]
    assert await store.event_letters.listed(10, second[-1].id) == []
    assert await store.event_letters.listed(10, "no id") == []


async def test_one_is_dropped_once(store: Store) -> None:
    await store.event_letters.bury([LETTER, LETTER])
    first, second = await store.event_letters.listed(10)
    assert await store.event_letters.drop(first.id)
    assert not await store.event_letters.drop(first.id)
    assert await store.event_letters.listed(10) == [second]
    for name in ("", "no id", "9999999999999-0"):
        assert await store.event_letters.get(name) is None
        assert not await store.event_letters.drop(name)


@pytest.mark.parametrize("text", ["x" * (TEXT_LIMIT + 1), "é" * TEXT_LIMIT, "\ud800" * 10 + "x" * TEXT_LIMIT])
async def test_a_text_is_cut_between_characters(store: Store, text: str) -> None:
    await store.event_letters.bury([replace(LETTER, text=text, message=text)])
    (letter,) = await store.event_letters.listed(1)
    whole = text.encode("utf-8", "replace").decode()
    assert whole.startswith(letter.text)
    assert TEXT_LIMIT - 1 <= len(letter.text.encode()) <= TEXT_LIMIT
    assert len(letter.message.encode()) <= 1024


async def test_of_very_many_the_last_are_kept(store: Store) -> None:
    for first in range(0, MOST + 10, 501):
        await store.event_letters.bury([replace(LETTER, entry=str(number)) for number in range(first, first + 501)])
    assert await store.event_letters.count() == MOST
    (newest,) = await store.event_letters.listed(1)
    assert newest.entry == "5009"
