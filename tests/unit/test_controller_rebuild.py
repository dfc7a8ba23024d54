"""What an operator does when Redis is not what it was."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from kronstream.controller import rebuild
from kronstream.controller.job import Job
from kronstream.controller.roster import Roster

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_a_comparison_that_fails_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuild, "RETRY", 0)
    roster, refreshed, answers = Roster(), asyncio.Event(), iter([ConnectionError("closed"), [1]])
    roster.put(Job("uid", "default", "daily", 1, 0, cursor=2))

    async def cursors(_: Any) -> Any:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    replicas: Any = SimpleNamespace(rolled_back=asyncio.Event())
    reconciler: Any = SimpleNamespace(refresh=lambda job: refreshed.set())
    ledger: Any = SimpleNamespace(cursors=cursors)
    room = rebuild.Rebuild(roster, ledger, SimpleNamespace(), reconciler, replicas, 0)  # type: ignore[arg-type]
    replicas.rolled_back.set()
    comparing = asyncio.create_task(room.run_comparison())
    async with asyncio.timeout(5):
        await refreshed.wait()
    assert not replicas.rolled_back.is_set()
    comparing.cancel()
