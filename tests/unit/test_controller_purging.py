"""Which histories are purged, by what the API server says of their namespaces."""

from dataclasses import dataclass, field

import pytest

from kronstream.cluster.namespaces import Namespace
from kronstream.controller.purging import Purging

pytestmark = pytest.mark.anyio

NAMES = ("gone", "ending", "again", "there", "foreign")
SAID = {
    "ending": Namespace(1_000, ending=True),
    "again": Namespace(5_000, ending=False),
    "there": Namespace(7_000, ending=False),
}


class Said:
    """The API server."""

    async def get(self, name: str) -> Namespace | None:
        return SAID.get(name)


@dataclass
class Books:
    """A ledger with a history of deleted jobs in every namespace: records, and the jobs that have some left."""

    records: dict[str, int] = field(default_factory=lambda: dict.fromkeys(NAMES, 2_500))
    unfinished: frozenset[str] = frozenset()
    asked: list[tuple[str, int | None]] = field(default_factory=list)

    async def past(self) -> list[str]:
        return list(self.records)

    async def purge(self, namespace: str, before: int | None = None, limit: int = 1_000) -> tuple[int, int]:
        if (namespace, before) not in self.asked:
            self.asked.append((namespace, before))
        if before == 7_000:
            return 0, 0  # its jobs are younger
        taken = min(limit, self.records[namespace])
        self.records[namespace] -= taken
        return taken, int(self.records[namespace] > 0 or namespace in self.unfinished)


def purging(books: Books) -> Purging:
    return Purging(books, Said(), lambda name: name != "foreign", 300.0)  # type: ignore[arg-type]


async def test_whose_namespace_is_another_one_or_none_goes() -> None:
    books = Books()
    assert not await purging(books).look()
    assert books.asked == [("gone", None), ("ending", None), ("again", 5_000), ("there", 7_000)]
    assert books.records == {"gone": 0, "ending": 0, "again": 0, "there": 2_500, "foreign": 2_500}


async def test_what_goes_on_is_looked_at_again() -> None:
    books = Books(unfinished=frozenset({"ending"}))
    assert await purging(books).look()
    assert books.records["ending"] == 0
