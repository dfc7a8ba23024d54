"""Every part is killed in the middle of a storm of events: each event is acted on, and creates or runs a job once."""

import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventually import eventually
from integration.chaos.witness import Witness
from integration.eventbench import STREAM, event, letters, listening, send
from integration.installation import Installation
from integration.objects import Object, handling, ready, scheduled
from kronstream.dev.controlplane import ControlPlane

pytestmark = pytest.mark.chaos

HANDLERS = Path(__file__).with_name("witness_handlers.py")
LEAST, RATE = 900, 60  # events, a second
HARM, PATIENCE = 2, 60.0  # routers that must have been killed meanwhile, and seconds in which that happens
ENDED = 90.0  # seconds until all is acted on
PAUSE, DOWN = (0.2, 1.2), (0.2, 1.0)  # seconds
NOTE = {"function": {"name": "witness:note"}}


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    return Witness(tmp_path / "calls")


@pytest.fixture
def stormy(witness: Witness) -> Iterator[Installation]:
    environ = {"WITNESS": str(witness.path)}
    with (
        ControlPlane() as plane,
        Installation(plane, operators=2, routers=2, workers=2, environ=environ, handlers=HANDLERS) as site,
    ):
        yield site
        for name in site.components:  # shown when the trial failed
            print(f"--- {name}", *site.log(name).splitlines()[-40:], sep="\n")


def storm(site: Installation, harmed: Counter[str], sent: list[int]) -> None:
    """Sends events, a few at a time, as any producer would, until there were enough and enough harm was done."""
    end = time.monotonic() + PATIENCE
    while (len(sent) < LEAST or harmed["router"] < HARM) and time.monotonic() < end:
        few = range(len(sent), len(sent) + RATE // 10)
        send(site, *(event("storm.came", {"n": n}, id=f"n{n}") for n in few))
        sent += few
        time.sleep(0.1)  # the pace of the producer


def harm(site: Installation, while_alive: threading.Thread, dice: random.Random, harmed: Counter[str]) -> None:
    """One crash after the other, for as long as the storm lasts; whole afterwards."""
    while while_alive.is_alive():
        while_alive.join(dice.uniform(*PAUSE))
        name = dice.choice([*site.routers, *site.routers, *site.operators, *site.workers, "apiserver"])
        harmed[name.partition("-")[0]] += 1
        if name == "apiserver":
            site.plane.stop_part(name, signal.SIGKILL)
            while_alive.join(dice.uniform(*DOWN))
            site.plane.start_part(name)
        else:
            site.stop(name, number=signal.SIGKILL)
            while_alive.join(dice.uniform(*DOWN))
            site.start(name, wait=False)


def created(site: Installation, handler: Object) -> list[Object]:
    uid = handler["metadata"]["uid"]
    return [
        job
        for job in site.objects.all("default")
        if uid in [owner["uid"] for owner in job["metadata"].get("ownerReferences", ())]
    ]


def unread(site: Installation) -> bool:
    """Whether events were not delivered, or not acknowledged."""
    (group,) = site.redis.xinfo_groups(STREAM)
    return bool(group["lag"] or group["pending"])


def test_every_part_is_killed_in_a_storm(stormy: Installation, witness: Witness) -> None:
    site, seed = stormy, random.SystemRandom().randrange(10**6)
    print(f"harm by seed {seed}")
    jobs = [site.apply(scheduled(name, "default", "witness:note", payload={}))[0] for name in ("run", "burst")]
    run, burst = [site.wait(job, ready) for job in jobs]
    runs, creates, bursts = [
        site.wait(handler, listening)
        for handler in site.apply(
            handling("runs", "storm.came", action={"runJob": {"name": "run"}}),
            handling("creates", "storm.*", action={"createJob": {"handler": NOTE, "maxOpen": 20}}),
            handling("bursts", "storm.came", action={"runJob": {"name": "burst"}},
                     debounce={"quiet": "300ms", "maxWait": "1s"}),
        )
    ]  # fmt: skip
    harmed: Counter[str] = Counter()
    sent: list[int] = []
    sender = threading.Thread(target=storm, args=(site, harmed, sent))
    sender.start()
    harm(site, sender, random.Random(seed), harmed)
    sender.join()
    events = len(sent)
    print(f"{events} events; killed: {dict(harmed)}")
    assert harmed["router"] >= HARM, "the storm was over before anything was harmed"

    redis, keys = site.redis, site.keys
    eventually(lambda: not unread(site), ENDED, "(events stayed unread, or pending)")
    eventually(lambda: redis.hget(keys.effect_load, "n") in (None, "0"), ENDED, "(effects stayed waiting)")
    eventually(lambda: not redis.zcard(keys.unfinished), ENDED, "(runs stayed unfinished)")

    calls = witness.calls()
    uid = run["metadata"]["uid"]
    assert len([one for one in calls if one.startswith(uid)]) == events, "each event ran the job, in one run"
    told = redis.hgetall(keys.job(uid))
    assert (int(told["n:success"]), int(told.get("n:failed", 0))) == (events, 0)

    made = created(site, creates)
    numbers = Counter(job["spec"]["payload"]["event_data"]["n"] for job in made)
    assert sorted(numbers) == sent
    assert set(numbers.values()) == {1}, "each event made one job"
    uids = {job["metadata"]["uid"] for job in made}
    eventually(lambda: uids <= {one.rpartition("-")[0] for one in witness.calls()}, ENDED, "(made jobs did not run)")

    bursts_run = [one for one in calls if one.startswith(burst["metadata"]["uid"])]
    assert 1 <= len(bursts_run) <= events // RATE * 2 + 2 * sum(harmed.values())
    assert letters(site) == []
    for handler, count in ((runs, events), (creates, events)):
        site.wait(handler, lambda obj, n=count: obj["status"].get("successCount") == n, within=15)
    status = site.wait(bursts, lambda obj: obj["status"].get("waiting") == 0, within=15)["status"]
    assert status["triggerCount"] == status["successCount"] == len(bursts_run)
    assert status["triggerCount"] + status["debouncedCount"] == events
