"""No-op runs a second of one worker process, beside every peer and every limit, on one Redis and in one run.

All work is 20,000 jobs enqueued before the worker starts; all results are stored and read back. Everybody's concurrency
is swept first. The limits and our own worker are measured in turn, several times, since machines are noisy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import uvloop

from benchmarks import loops, ours
from benchmarks.entrants import PEERS, Peer, PeerFailed
from benchmarks.meter import Cost
from benchmarks.race import race
from benchmarks.redisserver import Server, server
from benchmarks.report import Report, judged, middle, spread
from kronstream.dev.errors import PartFailedError

COUNT, TRIED, TRIED_OURS = 20_000, 2_000, 10_000
ROUNDS = 3
OUR_WORDS = "concurrency/batch"
OF_BARE, OF_PEERS = 0.8, 10.0  # the goals
LIMITS = ("bare redis-py loop, a pipeline a run", "bare redis-py loop, 100 runs a pipeline", "packed loop")


async def peer_lap(server: Server, peer: Peer, setting: str, count: int) -> Cost:
    """A peer's worker with one setting. Raises PeerFailed when it does not end, or a result is missing."""
    await server.fresh()
    peer.run(server, "fill", str(count))
    process = peer.worker(server, setting)
    with ours.stopped_at_the_end([process]):
        try:
            cost = await race(server, [process], lambda: peer.ended(server.redis, count), count)
        except PartFailedError as failed:
            raise PeerFailed(f"{peer.name}: {failed}") from failed
        # before its worker ends: some write over the last results then
        found = int(peer.run(server, "check", str(count)))
    if found != count:
        raise PeerFailed(f"{peer.name}: {found} of {count} results are stored")
    return cost


async def sweep_peer(server: Server, peer: Peer) -> tuple[str, str]:
    """Its best setting, and in words what each one gave."""
    rates = {setting: (await peer_lap(server, peer, setting, TRIED)).rate for setting in peer.settings}
    return max(rates, key=rates.__getitem__), swept(peer.what, rates)


async def sweep_ours(server: Server) -> tuple[ours.Setting, str]:
    """The best setting of our worker, and in words what each one gave."""
    rates = {each: (await ours.lap(server, TRIED_OURS, each)).cost.rate for each in ours.SETTINGS}
    return max(rates, key=rates.__getitem__), swept(OUR_WORDS, {str(each): rate for each, rate in rates.items()})


def swept(what: str, rates: dict[str, float]) -> str:
    """What each setting gave, in runs a second: ``concurrency 10: 900, 50: 1,200``."""
    return f"{what} " + ", ".join(f"{setting}: {rate:,.0f}" for setting, rate in rates.items())


async def limits(server: Server) -> list[Cost]:
    """One measurement of each limit."""
    return [
        await loops.redis_py(server, COUNT, 1),
        await loops.redis_py(server, COUNT, loops.BATCH),
        await loops.packed(server, COUNT),
    ]


async def measure(report: Report) -> None:
    async with server() as redis:
        best, tried = await sweep_ours(redis)
        bares: list[list[Cost]] = []
        laps: list[ours.Lap] = []
        for _ in range(ROUNDS):
            bares.append(await limits(redis))
            laps.append(await ours.lap(redis, COUNT, best))
        theirs: dict[str, tuple[Cost, str]] = {}
        for peer in PEERS:
            setting, words = await sweep_peer(redis, peer)
            theirs[peer.name] = (await peer_lap(redis, peer, setting, COUNT), f"{setting} is the best of {words}")
    tell(report, bares, laps, theirs, f"{best} is the best of {tried}")


def tell(
    report: Report,
    bares: Sequence[Sequence[Cost]],
    laps: Sequence[ours.Lap],
    theirs: dict[str, tuple[Cost, str]],
    tried: str,
) -> None:
    """Rows of everything; ratios are of one round each, the middle of the rounds is told."""
    rate = middle([lap.cost.rate for lap in laps])
    to_bare = [lap.cost.rate / bare[0].rate for lap, bare in zip(laps, bares, strict=True)]
    to_packed = [lap.cost.rate / bare[2].rate for lap, bare in zip(laps, bares, strict=True)]
    fastest = max(theirs, key=lambda name: theirs[name][0].rate)
    to_peer = rate / theirs[fastest][0].rate
    report.add("kronstream, one worker process", rate, "runs/s", middle(to_bare), tried)
    report.add("  beside the bare loop, a pipeline a run", middle(to_bare), "times", middle(to_bare) / OF_BARE,
               f"{judged(middle(to_bare), at_least=OF_BARE)}; {spread(to_bare)}")  # fmt: skip
    report.add(f"  beside the fastest peer, {fastest}", to_peer, "times", to_peer / OF_PEERS,
               judged(to_peer, at_least=OF_PEERS))  # fmt: skip
    report.add("  beside the packed loop", middle(to_packed), "times", middle(to_packed), spread(to_packed))
    costs(report, [lap.cost for lap in laps], rate)
    memory = middle([lap.memory for lap in laps])
    report.add("  Redis memory a finished run", memory, "bytes", memory / 1000, judged(memory, below=1000))
    for number, name in enumerate(LIMITS):
        mine = [bare[number] for bare in bares]
        each = middle([cost.rate for cost in mine])
        beside = each / middle([bare[0].rate for bare in bares])
        report.add(name, each, "runs/s", beside, f"a limit; {spread([cost.rate for cost in mine])}")
        costs(report, mine, each)
    for name, (cost, words) in sorted(theirs.items(), key=lambda item: -item[1][0].rate):
        report.add(name, cost.rate, "runs/s", cost.rate / rate, f"beside kronstream; {words}")
        costs(report, [cost], cost.rate)


def costs(report: Report, measured: Sequence[Cost], rate: float) -> None:
    """Rows of what a run costs processors and wire."""
    worker = middle([cost.each(cost.process_cpu) * 1e6 for cost in measured])
    redis = middle([cost.each(cost.redis_cpu) * 1e6 for cost in measured])
    wire = middle([cost.each(cost.received + cost.sent) for cost in measured])
    report.add("  worker's processor time a run", worker, "us", worker * rate / 1e6, "of one processor")
    report.add("  Redis' processor time a run", redis, "us", redis * rate / 1e6, "of one processor")
    report.add("  over the wire a run", wire, "bytes")


def main() -> None:
    report = Report("peers", "No-op runs a second of one worker process, all results read back, AOF everysec")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(measure(report))
    report.show()
