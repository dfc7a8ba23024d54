"""Dead letters: listed, shown, replayed, dropped."""

import pytest

from builders import card
from contract.acts import dispatched, failure, record, taken
from contract.stores import Store
from kronstream.domain.run import Reason, State, trigger_of
from kronstream.operations.letters import DeadLetters
from kronstream.operations.refused import Refused
from kronstream.operations.runs import Runs

pytestmark = pytest.mark.anyio


def service(store: Store) -> DeadLetters:
    return DeadLetters(store.letters, Runs(store.requests, store.records))


async def dead(store: Store, count: int = 1) -> list[int]:
    """Runs that ended their processes; their nominal times."""
    instants = await dispatched(store, count, deliveries=1)
    for claim in await taken(store, count):
        await store.queue.finish(card(), [failure(claim, reason=Reason.CRASHED, killed=True)])
    return instants


async def test_letters_are_listed_page_by_page_newest_first(store: Store) -> None:
    instants = await dead(store, 5)
    letters = service(store)
    first, total = await letters.page(2)
    second, _ = await letters.page(2, first[-1].id)
    third, _ = await letters.page(2, second[-1].id)
    assert total == 5
    told = [letter.run for letter in (*first, *second, *third)]
    assert [int(run.rpartition("-s")[2]) for run in told] == instants[::-1]
    assert {(letter.kind, letter.reason) for letter in first} == {("run", "too_many_deliveries")}
    assert first[0].fields["name"] == "job"
    assert await letters.page(2, "nonsense") == ([], 5)


async def test_a_dead_run_is_done_again_once_and_its_letter_is_gone(store: Store) -> None:
    (nominal,) = await dead(store)
    letters = service(store)
    ((letter,), _) = await letters.page()
    started = await letters.replay(letter.id, "ann")
    assert trigger_of(started.run).name == "RETRY"
    (claim,) = await taken(store)
    assert (claim.run, claim.nominal, claim.attempt) == (started.run, nominal, 1)
    again = await store.records.get(started.run)
    assert again
    assert (again.retry_of, again.requested_by) == (letter.run, "ann")
    assert (await record(store, nominal)).state is State.DEAD
    with pytest.raises(Refused, match="dead letter"):
        await letters.replay(letter.id, "ann")


async def test_garbage_can_be_shown_and_dropped_but_not_replayed(store: Store) -> None:
    await store.inject({"hello": "world"})
    await taken(store)
    letters = service(store)
    ((letter,), _) = await letters.page()
    shown = await letters.show(letter.id)
    assert (shown.kind, shown.run, shown.fields["field.hello"]) == ("entry", "", "world")
    with pytest.raises(Refused, match=r"is an entry that no worker understood .*; drop it"):
        await letters.replay(letter.id, "ann")
    await letters.drop(letter.id)
    assert await letters.page() == ([], 0)
    for act in (letters.show, letters.drop):
        with pytest.raises(Refused, match="dead letter"):
            await act(letter.id)
