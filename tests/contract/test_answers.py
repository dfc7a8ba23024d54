"""Answers that are kept: the first request with a key is done, the others are told."""

from collections.abc import AsyncIterator

import pytest

from contract.modelstore import ModelStore
from contract.stores import RedisStore, Store
from kronstream.ports.answers import Answers, Before, Given
from kronstream.streams.answers import RedisAnswers
from kronstream.streams.keys import Keys
from kronstream.testing.answers import MemoryAnswers

pytestmark = pytest.mark.anyio
MOST = 4_000


@pytest.fixture
async def answers(store: Store) -> AsyncIterator[Answers]:
    if isinstance(store, RedisStore):
        yield RedisAnswers(store.redis, Keys(), MOST)
    else:
        assert isinstance(store, ModelStore)
        yield MemoryAnswers(store.memory, MOST)


async def test_the_first_is_done_and_the_others_are_told(answers: Answers) -> None:
    given = Given(201, {"location": "/x"}, '{"ü": 1}')
    assert await answers.begin("k", "one") is None
    assert await answers.begin("k", "one") == Before("one", None)
    await answers.end("k", "one", given)
    assert await answers.begin("k", "two") == Before("one", given)
    await answers.forget("k")
    assert await answers.begin("k", "two") is None


async def test_an_owner_has_room_for_so_much_and_the_oldest_goes_first(answers: Answers) -> None:
    long = Given(200, {}, "x" * 900)
    for owner, key in (("b", "other"), ("a", "k1"), ("a", "k2"), ("a", "k3"), ("a", "k4")):
        assert await answers.begin(key, "one") is None
        await answers.end(key, "one", long, owner)
    assert await answers.begin("k1", "one") is None
    for key in ("other", "k2", "k3", "k4"):
        assert await answers.begin(key, "one") == Before("one", long)
    await answers.end("k5", "one", Given(200, {}, "x" * MOST), "a")
    assert await answers.begin("k4", "one") is None
    assert await answers.begin("k5", "one") is None
    assert await answers.begin("other", "one") == Before("one", long)


async def test_where_a_job_is_that_was_just_made(answers: Answers) -> None:
    assert await answers.whereabouts("uid") is None
    await answers.made("uid", "default", "name")
    assert await answers.whereabouts("uid") == ("default", "name")
