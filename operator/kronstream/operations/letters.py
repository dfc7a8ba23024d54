"""What people do with dead letters: look at them, have their runs done again, drop them."""

from kronstream.operations.refused import Refused, Why, no_letter
from kronstream.operations.runs import Runs, Started
from kronstream.ports import Letter, Letters

PAGE = 100


class DeadLetters:
    """The one service for every door."""

    def __init__(self, letters: Letters, runs: Runs) -> None:
        self._letters = letters
        self._runs = runs

    async def count(self) -> int:
        """How many there are."""
        return await self._letters.count()

    async def page(self, limit: int = 20, before: str = "") -> tuple[list[Letter], int]:
        """The newest letters, at most 100, or those before one of them; and how many there are in all."""
        return await self._letters.listed(max(1, min(limit, PAGE)), before), await self._letters.count()

    async def show(self, letter: str) -> Letter:
        """One letter. Raises Refused."""
        found = await self._letters.get(letter)
        if found is None:
            raise no_letter(letter)
        return found

    async def replay(self, letter: str, by: str) -> Started:
        """Do a dead run again, by its job as it is now; the letter is gone then. The same letter starts one run.

        Raises Refused, also for an entry that nobody understood: there is nothing in it to be done.
        """
        found = await self.show(letter)
        if not found.run:
            raise Refused(
                Why.INVALID, f"dead letter {letter} is an entry that no worker understood ({found.reason}); drop it"
            )
        started = await self._runs.retry(found.run, f"dead letter {letter}", by=by)
        await self._letters.drop(letter)
        return started

    async def drop(self, letter: str) -> None:
        """Forget a letter. Raises Refused."""
        if not await self._letters.drop(letter):
            raise no_letter(letter)
