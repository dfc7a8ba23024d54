"""Whose status is told anew, when thousands of handlers share a stream."""

from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import pytest

from kronstream.events import lookout as lookouts
from kronstream.events.lookout import LAGS, WORDS, Lookout
from kronstream.events.sources import Source, Sources
from kronstream.events.table import Table
from kronstream.events.view import NEVER, conditions
from kronstream.ports import Lag
from unit.eventstage import OUTCOMES, STREAM, handler
from unit.fakecluster import NOW

pytestmark = pytest.mark.anyio
COUNT = 5 * LAGS


class Crowd:
    """Handlers of one stream whose statuses tell that nothing waits."""

    def __init__(self) -> None:
        self.sources = Sources()
        self.sources.want([STREAM])
        self.table = Table(OUTCOMES)
        self.tell(0)
        self.told = status = {"conditions": conditions(handler(), [self.source], NOW), "lag": 0}
        for number in range(COUNT):
            one = handler(status=status)
            one.uid = f"eh.{number}"
            one.listener = replace(one.listener, uid=one.uid) if one.listener else None
            self.table.put(one)
        self.lookout = Lookout(self.table, self.sources, lambda uid: True)

    @property
    def source(self) -> Source:
        source = self.sources.get(STREAM)
        assert source is not None
        return source

    def note(self, uid: str, status: dict[str, Any]) -> None:
        known = self.table.get(uid)
        assert known is not None
        known.note(status)

    def tell(self, waiting: int) -> None:
        self.source.joined, self.source.lag = True, Lag(waiting, NOW, "7-0")


async def test_a_busy_stream_is_told_by_a_bounded_number_of_statuses_at_a_time() -> None:
    crowd = Crowd()
    assert await crowd.lookout.differing(lags=True) == []
    crowd.tell(40)

    looks = [await crowd.lookout.differing(lags=True) for _ in range(COUNT // LAGS)]

    assert [len(found) for found in looks] == [LAGS] * (COUNT // LAGS)
    assert len({uid for found in looks for uid in found}) == COUNT, "each has its turn, though none was written"
    assert await crowd.lookout.differing(lags=False) == []


async def test_the_first_event_of_a_stream_is_told_by_a_bounded_number_of_statuses_at_a_time() -> None:
    crowd = Crowd()
    crowd.source.lag = Lag(0, None, NEVER)
    never = {"conditions": conditions(handler(), [crowd.source], NOW), "lag": 0}
    for one in crowd.table:
        one.note(never)
    assert await crowd.lookout.differing(lags=True) == []
    crowd.tell(0)
    told = {"conditions": conditions(handler(), [crowd.source], NOW), "lag": 0}

    for look in range(COUNT // WORDS):
        found = await crowd.lookout.differing(lags=look % 10 == 0)
        assert len(found) == WORDS, f"look {look}: they listen as they did, for another reason"
        for uid in found:
            crowd.note(uid, told)
    assert await crowd.lookout.differing(lags=False) == []


async def test_handlers_that_hear_the_same_are_judged_once_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    crowd = Crowd()
    judged = Mock(wraps=lookouts.expected)
    monkeypatch.setattr(lookouts, "expected", judged)

    for _ in range(3):
        assert await crowd.lookout.differing(lags=True) == []

    assert judged.call_count == 3


async def test_what_changes_between_two_looks_is_seen() -> None:
    crowd = Crowd()
    lookout = crowd.lookout
    assert await lookout.differing(lags=True) == []
    assert await lookout.differing(lags=False) == []

    crowd.note("eh.7", {})
    assert await lookout.differing(lags=False) == ["eh.7"], "a status that somebody emptied"
    crowd.note("eh.7", crowd.told)
    assert await lookout.differing(lags=False) == []
    crowd.source.fault, crowd.source.joined = "it is no stream", False
    assert len(await lookout.differing(lags=False)) == COUNT, "a stream that cannot be read"
    crowd.source.fault, crowd.source.joined = "", True
    assert await lookout.differing(lags=False) == []
    one = handler(status={})
    one.uid = "eh.new"
    crowd.table.put(one)
    assert await lookout.differing(lags=False) == ["eh.new"], "one that is new"
    crowd.table.drop("eh.new")
    assert await lookout.differing(lags=False) == []


async def test_a_stream_that_cannot_be_read_is_told_by_all() -> None:
    crowd = Crowd()
    crowd.source.joined, crowd.source.fault = False, "it is no stream"

    assert len(await crowd.lookout.differing(lags=True)) == COUNT


async def test_a_place_where_a_lost_group_begins_is_kept_by_one_beside_those_that_tell_the_lag() -> None:
    crowd = Crowd()
    crowd.tell(40)
    crowd.source.settled = "6-0"

    assert len(await crowd.lookout.differing(lags=True)) == LAGS + 1


async def test_what_another_router_writes_is_left_to_it() -> None:
    crowd = Crowd()
    crowd.tell(40)
    lookout = Lookout(crowd.table, crowd.sources, lambda uid: uid == "eh.3")

    assert await lookout.differing(lags=True) == ["eh.3"]
