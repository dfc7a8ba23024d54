"""What each replica adds to a store that was lost: the first one seeds, the others add what it had not heard of."""

import pytest

from contract.acts import adopted, ask, asked, job, rid, taken
from contract.stores import Store
from kronstream.ports import Seed, Word

pytestmark = pytest.mark.anyio

REGISTERING = 3000


async def test_what_only_the_second_replica_remembers_counts_too(store: Store) -> None:
    """The first one filled the store in; it had not heard yet of the one run, nor of the last value of run-now."""
    at = store.now() - 5_000
    run, asked_for = rid(at), asked("5").run
    first, second = Seed({"rn": "4"}), Seed({"rn": "5", "once": run}, (run,), claimed=(asked_for,))
    await adopted(store, cursor=at - 1, seed=first, rebuild=True)
    assert await adopted(store, cursor=at, seed=second, rebuild=True) == at
    assert (await job(store)).once == run
    assert await ask(store, "5", value="5") == (Word.KNOWN, "started")
    assert (await job(store)).run_now == "5"
    await store.advance(REGISTERING)
    assert await store.queue.sweep() == 1
    assert [claim.run for claim in await taken(store)] == [run]
    assert await adopted(store, cursor=at, seed=second, rebuild=True) == at
    assert (await job(store)).active == 1
