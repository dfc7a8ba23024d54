"""Whether memory, files and processes stayed flat: the last third of a soak against the second one. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from statistics import median

from soak.evidence import Evidence, Sample

PART = 0.10
BYTES = 5 << 20
FILES = 10
COUNT = 3
SHORTEST = 60_000  # ms of a third: before that, processes are still warming up
FEWEST = 8  # samples of each third


def leaks(found: Evidence) -> Iterator[str]:
    """What grew. A process is judged that lived through both thirds, and each role of each worker as a whole."""
    third = (found.stop - found.begin) / 3
    if third < SHORTEST:
        return
    second, last = found.begin + third, found.begin + 2 * third

    def grown(what: str, series: Sequence[tuple[int, int]], more: int) -> Iterator[str]:
        before = [value for at, value in series if second <= at < last]
        after = [value for at, value in series if last <= at <= found.stop]
        if len(before) < FEWEST or len(after) < FEWEST:
            return
        was, now = median(before), median(after)
        if now > was * (1 + PART) + more:
            yield f"{what} grew from {was:,.0f} to {now:,.0f}"

    for name, samples in _series(found.samples).items():
        yield from grown(f"memory of {name}", [(one.at, one.rss) for one in samples], BYTES)
        yield from grown(f"open files of {name}", [(one.at, one.files) for one in samples], FILES)
        yield from grown(f"processes of {name}", [(one.at, one.count) for one in samples], COUNT)
    yield from grown("memory of Redis", found.memory, BYTES)


def _series(samples: Sequence[Sample]) -> dict[str, list[Sample]]:
    found: dict[str, list[Sample]] = defaultdict(list)
    for one in samples:
        found[f"{one.worker}'s {one.role}"].append(one)
        if one.pid:
            found[f"{one.worker}'s {one.role}, process {one.pid}"].append(one)
    return found
