"""A router's heartbeats: who is live, whose a handler is, whether the store can be used."""

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from unit.eventstage import EventStage, uid

pytestmark = pytest.mark.anyio


async def test_routers_know_each_other_and_share_the_handlers() -> None:
    stage = EventStage()
    await stage.effects.beat("|router-2")
    await stage.effects.beat("elsewhere|router-3")
    await stage.pulse.beat()

    assert stage.pulse.live == ("|router-1", "|router-2")
    mine = [stage.pulse.owns(uid(number)) for number in range(200)]
    assert 50 < sum(mine) < 150

    await stage.effects.leave("|router-2")
    await stage.pulse.beat()
    assert all(stage.pulse.owns(uid(number)) for number in range(200))


async def test_a_store_without_an_epoch_is_not_used() -> None:
    stage = EventStage()
    stage.store.epoch = None
    await stage.pulse.beat()

    assert not stage.pulse.open.is_set()
    assert "filled" in stage.pulse.fault


async def test_a_store_that_was_lost_and_filled_is_told_of() -> None:
    stage = EventStage()
    losses: list[str] = []
    stage.pulse.lost = lambda: losses.append(stage.pulse.epoch)
    await stage.pulse.beat()
    await stage.pulse.beat()
    assert losses == []

    stage.store.epoch = "epoch-2"
    await stage.pulse.beat()

    assert losses == ["epoch-2"]
    assert stage.pulse.open.is_set()


async def test_a_store_that_does_not_answer_is_a_fault_until_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = EventStage()
    await stage.pulse.beat()
    assert stage.pulse.fault == ""

    async def away(_: str) -> list[str]:
        raise RedisConnectionError("Connection refused")

    with monkeypatch.context() as broken:
        broken.setattr(stage.effects, "beat", away)
        with pytest.raises(RedisConnectionError):
            await stage.pulse.beat()
        stage.pulse._away("Connection refused")
        assert stage.pulse.fault == "Connection refused"
        assert not stage.pulse.open.is_set()

    await stage.pulse.beat()
    assert stage.pulse.fault == ""
    assert stage.pulse.open.is_set()
