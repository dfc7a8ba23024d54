"""The setting that holds all jobs, while replicas come and go."""

from types import SimpleNamespace
from typing import Any

import pytest

from kronstream.controller.pauseswitch import BY, PauseSwitch
from unit.fakecluster import NOW, Stage

pytestmark = pytest.mark.anyio


class Site:
    """Replicas of one installation, each with what it knows of the others."""

    def __init__(self) -> None:
        self.stage = Stage()

    def replica(self, *namespaces: str, paused: bool, counts: bool = True) -> tuple[PauseSwitch, Any]:
        others: Any = SimpleNamespace(counts=counts, held=paused)
        return PauseSwitch(self.stage.ledger, others, namespaces, paused=paused), others

    @property
    def held(self) -> dict[str, int]:
        """Scopes that are held now, with since when."""
        now = self.stage.time()
        return {scope: one.since for (_, scope), one in self.stage.store.scopes.items() if one.covers(now)}


async def test_the_setting_holds_all_jobs_and_says_who_does() -> None:
    site = Site()
    switch, _ = site.replica(paused=True)
    for _ in range(2):
        await switch.look()
        site.stage.time.advance(1_000)
    assert switch.told.is_set()
    assert site.held == {"*": NOW}
    (pause,) = site.stage.store.scopes.values()
    assert (pause.by, pause.until) == (BY, None)


async def test_it_ends_when_no_replica_has_it_any_more() -> None:
    site = Site()
    old, _ = site.replica(paused=True)
    new, others = site.replica(paused=False)
    await old.look()
    others.held = True
    await new.look()
    assert site.held == {"*": NOW}
    others.held = False
    await new.look()
    assert site.held == {}
    others.held = True  # rolled back
    await new.look()
    await old.look()
    assert site.held == {"*": NOW}
    others.held = False
    await new.look()
    assert site.held == {}


async def test_a_replica_without_a_share_leaves_it_to_the_others() -> None:
    site = Site()
    switch, others = site.replica(paused=True, counts=False)
    await switch.look()
    assert switch.told.is_set()
    assert site.held == {}
    others.counts = True
    await switch.look()
    assert site.held == {"*": NOW}


async def test_operators_of_some_namespaces_hold_those() -> None:
    site = Site()
    ours, _ = site.replica("b", "a", paused=True)
    theirs, _ = site.replica("c", paused=False)
    everyone, _ = site.replica(paused=False)
    for switch in (ours, theirs, everyone):
        await switch.look()
    assert set(site.held) == {"a", "b"}
    same, _ = site.replica("a", "b", paused=False)
    await same.look()
    assert site.held == {}


async def test_a_lost_store_is_told_that_it_always_was() -> None:
    site = Site()
    switch, _ = site.replica(paused=True)
    plain, _ = site.replica(paused=False)
    await switch.look()
    site.stage.store.wipe()
    await plain.restore()
    await switch.restore()
    assert site.held == {"*": 0}
    await plain.look()
    assert site.held == {}
