"""What a soak did, as a table."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from statistics import median

from soak.audit import longest_gap
from soak.evidence import Evidence

MIB = 1 << 20


def report(found: Evidence) -> str:
    """Runs by kind and outcome, rates, harms, the longest gap, memory."""
    return "\n".join([*_kinds(found), "", *_totals(found), "", *_memory(found)])


def _kinds(found: Evidence) -> Iterator[str]:
    due, again = Counter(found.due.values()), Counter[str]()
    ends: dict[str, Counter[str]] = defaultdict(Counter)
    waits: dict[str, list[int]] = defaultdict(list)
    for run, told in found.ends.items():
        uid, last = found.due.get(run, ""), max(told, key=lambda end: end.finished)
        ends[uid][f"{last.state} {last.reason}" if last.reason else str(last.state)] += 1
        again[uid] += max(0, last.attempt - 1)
        waits[uid].append(last.finished - last.dispatched)
    seconds = max(1, found.stop - found.begin) / 1000
    yield f"{'kind':<18}{'due':>8}{'a second':>10}{'retries':>9}{'p50 ms':>8}{'p99 ms':>8}  outcomes"
    for uid, kind in found.kinds.items():
        took = sorted(waits[uid]) or [0]
        outcomes = ", ".join(f"{number} {how}" for how, number in ends[uid].most_common())
        skipped = sum(found.books[uid].skipped.values()) if uid in found.books else 0
        yield (
            f"{kind.name:<18}{due[uid]:>8}{due[uid] / seconds:>10.1f}{again[uid]:>9}{took[len(took) // 2]:>8}"
            f"{took[len(took) * 99 // 100]:>8}  {outcomes}" + (f"; {skipped} instants skipped" if skipped else "")
        )


def _totals(found: Evidence) -> Iterator[str]:
    seconds = max(1, found.stop - found.begin) / 1000
    calls = sum(map(len, found.calls.values()))
    yield f"{len(found.due)} runs in {seconds:.0f} s, {len(found.due) / seconds:.0f} a second; {calls} attempts seen"
    harms = Counter(harm.what for harm in found.harms)
    yield "harms: " + ", ".join(f"{number} {what}" for what, number in harms.most_common())
    outlasted = sum(harm.outlasted for harm in found.harms)
    twice = sum(len(told) > 1 for told in found.ends.values())
    yield f"freezes longer than a lease: {outlasted}; runs whose end Redis forgot and that ended again: {twice}"
    length, at = longest_gap(found)
    yield f"longest time in which nothing ended: {length} ms, {(at - found.begin) / 1000:.0f} s after the beginning"


def _memory(found: Evidence) -> Iterator[str]:
    """Medians of the second and the last third, of the worker that lives on and of Redis."""
    third = (found.stop - found.begin) / 3
    yield f"{'process':<26}{'MiB, 2nd third':>15}{'last third':>12}{'files':>7}{'then':>6}"
    thirds = [(found.begin + third, found.begin + 2 * third), (found.begin + 2 * third, float(found.stop))]
    for worker, role in sorted({(one.worker, one.role) for one in found.samples if one.role != "other"}):
        parts = [
            [one for one in found.samples if (one.worker, one.role) == (worker, role) and since <= one.at <= until]
            for since, until in thirds
        ]
        if all(parts):
            rss = [median(one.rss for one in part) / MIB for part in parts]
            files = [round(median(one.files for one in part)) for part in parts]
            yield f"{worker + ' ' + role:<26}{rss[0]:>15.1f}{rss[1]:>12.1f}{files[0]:>7}{files[1]:>6}"
    used = [[bytes_ for at, bytes_ in found.memory if since <= at <= until] for since, until in thirds]
    if all(used):
        yield f"{'Redis':<26}{median(used[0]) / MIB:>15.1f}{median(used[1]) / MIB:>12.1f}"
