"""Two operators: every due instant makes one entry, in time."""

import urllib.request

from eventually import eventually
from integration.installation import Installation
from integration.objects import Object, scheduled
from integration.timeline import gaps, now, parse, percentile

QUEUE = "nobody"  # no worker serves it: entries stay in the stream and can be counted
IN_TIME, EARLY = 100, -50  # ms
Entry = tuple[int, int]


def dispatched(installation: Installation) -> list[float]:
    """How many runs each operator has written to the stream, by its own count."""
    counts = []
    for name in installation.operators:
        port = installation.components[name].port
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        counts += [float(line.split()[1]) for line in lines if line.startswith("kronstream_runs_dispatched_total ")]
    return counts


def collect(
    installation: Installation, jobs: list[Object], after: int = 0, instants: int = 2
) -> dict[str, list[Entry]]:
    """The entries (nominal, instant) of each job that are due after an instant, once each job has so many of them."""

    def enough() -> dict[str, list[Entry]]:
        found = {job["metadata"]["name"]: installation.entries(job, QUEUE) for job in jobs}
        found = {name: [entry for entry in entries if entry[0] > after] for name, entries in found.items()}
        assert min(len(entries) for entries in found.values()) >= instants
        return found

    return eventually(enough, within=instants + 10)


def delays(installation: Installation, jobs: list[Object]) -> list[int]:
    """How late (ms) the entries of the next few seconds are."""
    found = collect(installation, jobs, after=now(), instants=4)
    return [instant - nominal for entries in found.values() for nominal, instant in entries]


def test_every_second_of_many_jobs_is_in_the_stream_once_and_in_time(installation: Installation) -> None:
    before = dispatched(installation)
    jobs = installation.apply(*(scheduled(f"due-{number}", every="1s", queue=QUEUE) for number in range(50)))
    collect(installation, jobs)

    # how late an idle machine is: one that is busy with something else has five trials
    for _ in range(5):
        late = delays(installation, jobs)
        figures = f"p50 {percentile(late, 0.5)} ms, p95 {percentile(late, 0.95)} ms, max {max(late)} ms"
        print(f"{len(late)} entries: {figures}")
        if percentile(late, 0.95) <= IN_TIME and max(late) < 1_000:
            break
    assert percentile(late, 0.95) <= IN_TIME, figures
    assert max(late) < 1_000, figures
    assert min(late) >= EARLY, figures

    # busy or not: every instant, once
    for name, entries in collect(installation, jobs).items():
        nominals = [nominal for nominal, _ in entries]
        assert len(nominals) == len(set(nominals)), name
        assert gaps(nominals, 1_000) == [], name
    assert all(after > earlier for after, earlier in zip(dispatched(installation), before, strict=True))


def test_the_first_run_follows_the_creation_at_once(installation: Installation) -> None:
    (job,) = installation.apply(scheduled("first", every="1s", queue=QUEUE))

    entries = collect(installation, [job])["first"]

    created = installation.objects.get(job)["metadata"]["creationTimestamp"]
    assert [nominal for nominal, _ in entries[:2]] == [parse(created) + 1_000, parse(created) + 2_000]


def test_priorities_have_lanes_of_their_own(installation: Installation) -> None:
    lanes = ("critical", "high", "medium", "low")
    jobs = installation.apply(*(scheduled(f"lane-{lane}", every="1s", queue=QUEUE, priority=lane) for lane in lanes))
    for lane, job in zip(lanes, jobs, strict=True):
        eventually(lambda lane=lane, job=job: installation.entries(job, QUEUE, lane))
        others = [other for other in lanes if other != lane]
        assert not any(installation.entries(job, QUEUE, other) for other in others)
