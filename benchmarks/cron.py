"""The next run of a schedule: ours, croniter's and cronsim's, in processor time of one run."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import product
from zoneinfo import ZoneInfo

from croniter import croniter
from cronsim import CronSim

from benchmarks.mixture import mixture
from benchmarks.report import Report
from kronstream.domain import cron, zone
from kronstream.domain.cron import Cron
from kronstream.domain.plan import upcoming
from kronstream.resources.judged import judge
from kronstream.resources.scheduledjob import parse_spec
from kronstream.resources.status import MAX_UPCOMING

ZONES = ("UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata")
EXPRESSIONS = ("*/5 * * * *", "30 2 * * *", "0 9-17 * * MON-FRI", "0 0 1 * *", "15,45 */3 * * *", "0 0 29 2 *")
# a Wednesday in July: no clock changes before the next runs, and nobody disagrees
START = 1_784_116_800
MOMENT = datetime.fromtimestamp(START, UTC)
# what a text may cost at most, taken in and searched (ms of processor time)
BOUND = 50.0
SLOW = {
    "a list of 1,000 characters": ",".join(f"{low}-{low + 7}/2" for low in [*range(10, 52)] * 3)[:989] + " * * * *",
    "never a time that exists": "30 2 * 3 SUN#2",
    "the rarest day": "0 0 29 2 */7",
}


def seconds(work: Callable[[], object], times: int = 1) -> float:
    """Processor time of one call, the best of three rounds."""

    def once() -> float:
        begin = time.process_time()
        for _ in range(times):
            work()
        return (time.process_time() - begin) / times

    return min(once() for _ in range(3))


def forget() -> None:
    """As after a start: nothing is parsed, no zone known."""
    for cache in (cron.parse, cron._read, cron._after, zone._spans, zone.load):
        cache.cache_clear()


def one(report: Report) -> None:
    """A walk of 200 runs from each expression in each zone, by the four ways to ask."""
    both = list(product(EXPRESSIONS, ZONES))
    steps = 200
    ours = [cron.parse(*pair) for pair in both]
    local = [(text, MOMENT.astimezone(ZoneInfo(name))) for text, name in both]
    iterators = [croniter(text, moment, max_years_between_matches=100) for text, moment in local]

    def walk(schedules: list[Cron], ask: Callable[[Cron, int], int | None]) -> None:
        for schedule in schedules:
            at: int | None = START
            for _ in range(steps):
                at = ask(schedule, at or START)

    def reused() -> None:
        for iterator, (_, moment) in zip(iterators, local, strict=True):
            iterator.set_current(moment)
            for _ in range(steps):
                iterator.get_next(datetime)

    def simulated() -> None:
        for text, moment in local:
            iterator = CronSim(text, moment)
            for _ in range(steps):
                next(iterator)

    def new() -> None:
        for text, moment in local:
            at = moment
            for _ in range(steps // 10):
                at = croniter(text, at).get_next(datetime)

    def new_simulated() -> None:
        for text, moment in local:
            at = moment
            for _ in range(steps // 10):
                at = next(CronSim(text, at))

    number = len(both) * steps
    searched = seconds(lambda: walk(ours, Cron.next_second)) / number
    known = seconds(lambda: walk(ours, lambda schedule, at: schedule.after(at * 1000) and START)) / number
    peers = {
        "croniter, reused": seconds(reused) / number,
        "croniter, new each time": seconds(new) / number * 10,
        "cronsim, reused": seconds(simulated) / number,
        "cronsim, new each time": seconds(new_simulated) / number * 10,
    }
    report.add("next run of a reused schedule, searched", searched * 1e6, "us", 1.0)
    report.add("next run that was asked for before", known * 1e6, "us", known / searched)
    for name, value in peers.items():
        report.add(name, value * 1e6, "us", value / searched, "times ours")


def fresh(report: Report) -> None:
    """Parse and first run, nothing known but the zones."""
    texts = [f"{minute} {hour} * * *" for minute, hour in product(range(20), range(24))]

    def ours() -> None:
        cron.parse.cache_clear()
        cron._read.cache_clear()
        for text in texts:
            cron.parse(text).next_second(START)

    mine = seconds(ours) / len(texts)
    report.add("a text taken in, and its next run", mine * 1e6, "us", 1.0)
    theirs = seconds(lambda: [croniter(text, MOMENT).get_next(datetime) for text in texts]) / len(texts)
    report.add("croniter", theirs * 1e6, "us", theirs / mine, "times ours")
    theirs = seconds(lambda: [next(CronSim(text, MOMENT)) for text in texts]) / len(texts)
    report.add("cronsim", theirs * 1e6, "us", theirs / mine, "times ours")


def many(report: Report) -> None:
    """10,000 schedules of 480 expressions, each with its next run."""
    texts = [f"{minute} {hour} * * *" for minute, hour in product(range(20), range(24))]
    jobs = [(texts[number % 480], ZONES[number // 480 % 4]) for number in range(10_000)]
    local = {name: MOMENT.astimezone(ZoneInfo(name)) for name in ZONES}

    def ours() -> list[int | None]:
        return [cron.parse(text, name).after(START * 1000) for text, name in jobs]

    def cold() -> None:
        forget()
        ours()

    def croniters() -> list[datetime]:
        return [croniter(text, local[name]).get_next(datetime) for text, name in jobs]

    def cronsims() -> list[datetime]:
        return [next(CronSim(text, local[name])) for text, name in jobs]

    after_start = seconds(cold)
    again = seconds(ours)
    found = ours()
    for peer, theirs in (("croniter", croniters), ("cronsim", cronsims)):
        different = sum(mine != at.timestamp() * 1000 for mine, at in zip(found, theirs(), strict=True))
        assert not different, f"{peer} says otherwise for {different} of {len(jobs)}"
    report.add("10,000 schedules of 480 expressions, after a start", after_start, "s", 1.0)
    report.add("the same once more", again, "s", again / after_start)
    for peer, theirs in (("croniter", croniters), ("cronsim", cronsims)):
        value = seconds(theirs)
        report.add(f"10,000 by {peer}", value, "s", value / after_start, "times ours")


def restart(report: Report) -> None:
    """What an operator computes after a start: the next five of 10,000 jobs of every kind."""
    due = START + 3_600
    specs = [(parse_spec(body["spec"]), f"default/{body['metadata']['name']}") for body in mixture(10_000, due)]

    def ours() -> None:
        forget()
        for spec, identity in specs:
            schedule = judge(spec, START * 1000, identity).schedule
            assert schedule is not None
            assert upcoming(schedule, START * 1000, MAX_UPCOMING)[0] == due * 1000

    def croniters() -> None:
        for number in range(10_000):
            iterator = croniter(f"{number % 20} {number // 20 % 24} * * *", MOMENT)
            for _ in range(MAX_UPCOMING):
                iterator.get_next(datetime)

    mine = seconds(ours)
    report.add("10,000 jobs of every kind: judged, the next five each", mine, "s", 1.0)
    theirs = seconds(croniters)
    report.add("10,000 cron expressions by croniter, five each", theirs, "s", theirs / mine, "times ours")


def slow(report: Report) -> None:
    """Texts that cost most, as after a start."""
    for what, text in SLOW.items():

        def taken(text: str = text) -> None:
            forget()
            cron.parse(text, "America/New_York", "Skip").after(START * 1000)

        value = seconds(taken) * 1000
        report.add(what, value, "ms", value / BOUND, f"limit: {BOUND:.0f} ms")


def main() -> None:
    report = Report("cron", f"Next runs from {MOMENT:%Y-%m-%d %H:%M} UTC, processor time")
    one(report)
    fresh(report)
    many(report)
    restart(report)
    slow(report)
    report.show()
