"""The runbooks: for each the ill that it is about is there, its commands are run, and one sees what it says."""

import copy
import json
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from eventually import eventually
from integration.calls import Calls
from integration.eventbench import listening
from integration.installation import Installation
from integration.objects import condition, handling, ready, scheduled
from integration.oncall import OnCall
from integration.prometheus import Prometheus, scraping
from unit.docpage import ROOT
from unit.pagecommands import DOCS, RUNBOOKS, SPAN, claimed

RULES = sorted((ROOT / "charts" / "kronstream" / "files" / "alerts").glob("*.yaml"))
COMMANDS = claimed(RUNBOOKS)
SCENES: dict[str, Callable[[OnCall], None]] = {}
RUN = re.compile(r"[0-9a-f-]{36}-[smerb][0-9a-f.]+")
ASKED = "0 0 1 1 *"  # jobs that run when they are asked to


@pytest.fixture(scope="module")
def monitor(
    doored_installation: Installation, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """A Prometheus over all processes."""
    targets: dict[str, list[int]] = {}
    for name, component in doored_installation.components.items():
        targets.setdefault(name.rpartition("-")[0], []).append(component.port)
    with scraping(tmp_path_factory.mktemp("prometheus"), targets, RULES) as prometheus:
        yield prometheus


def scene(page: str) -> Callable[[Callable[[OnCall], None]], Callable[[OnCall], None]]:
    """The function shows what a runbook is about."""

    def noted(act: Callable[[OnCall], None]) -> Callable[[OnCall], None]:
        SCENES[f"runbooks/{page}"] = act
        return act

    return noted


def job(call: OnCall, name: str, function: str, **spec: object) -> None:
    """A job that is in force."""
    (made,) = call.installation.apply(scheduled(name, "default", function, **{"schedule": ASKED, **spec}))
    call.installation.wait(made, ready)


def run(call: OnCall, name: str) -> str:
    """Starts a run; its id."""
    with Calls(call.installation.url()) as calls:
        answer = calls.post(f"/jobs/default:{name}/run")
    assert answer.status_code == 201, answer.text
    return str(answer.json()["execution_id"])


def rows(said: str) -> dict[str, list[str]]:
    """The words of each line of a table, by the first."""
    return {words[0]: words for words in map(str.split, said.splitlines()) if words}


@contextmanager
def evicting(call: OnCall) -> Iterator[None]:
    """While Redis may evict keys."""
    call.installation.redis.config_set("maxmemory-policy", "allkeys-lru")
    try:
        yield
    finally:
        call.installation.redis.config_set("maxmemory-policy", "noeviction")


@contextmanager
def without(call: OnCall, resource: str, verb: str) -> Iterator[None]:
    """While the operator has no right to do something with a resource."""
    kubectl, role = call.installation.plane.kubectl, "clusterrole/kronstream-operator"
    whole = json.loads(kubectl("get", role, "-o", "json"))
    less = copy.deepcopy(whole)
    for rule in less["rules"]:
        if resource in rule.get("resources", ()):
            rule["verbs"] = [one for one in rule["verbs"] if one != verb]
            rule["resources"] = rule["resources"] if rule["verbs"] else []
    less["rules"] = [rule for rule in less["rules"] if rule["verbs"]]
    for rules in (less, whole):
        rules["metadata"].pop("resourceVersion")
    kubectl("replace", "-f", "-", stdin=json.dumps(less))
    try:
        yield
    finally:
        kubectl("replace", "-f", "-", stdin=json.dumps(whole))


@scene("dead-letters")
def dead_letters(call: OnCall) -> None:
    here = call.installation
    here.allow("the loop process exited with code 7")
    job(call, "kills", "api:kill", maxDeliveries=1, retry={"limit": 0})
    hears = handling("hears", "order.placed", action={"runJob": {"name": "kills"}}, filter="event.data.amount > 1")
    here.wait(here.apply(hears)[0], listening)
    ended = run(call, "kills")
    with Calls(here.url()) as calls:
        event = {"specversion": "1.0", "id": "d-1", "source": "/shop", "type": "order.placed", "data": {}}
        calls.post("/events", json=event, headers={"Content-Type": "application/cloudevents+json"})
    here.redis.xadd("stream:events", {"no": "event"})

    def all_there() -> dict[str, str]:
        found = {words[1]: words[0] for words in rows(call("kronstream dead-letters list")).values()}
        return found if {"too_many_deliveries", "NoEvent", "FilterError"} <= set(found) else {}

    letters = eventually(all_there, 30)
    print(call("kronstream dead-letters show ID", ID=letters["too_many_deliveries"]))
    print(call("kronstream show RUN", RUN=ended))
    assert "kills" in call("kronstream dead-letters show ID", ID=letters["too_many_deliveries"])
    assert "exited with code 7" in call("kronstream show RUN", RUN=ended)
    call.logged("worker-1", "the loop process exited with code 7")
    for kind in ("run", "event"):
        call.shows(f'kronstream_dead_letters{{kind="{kind}"}}', least=1)
    print(call("kronstream dead-letters replay ID", ID=letters["FilterError"]))
    assert "no event" in call("kronstream dead-letters replay ID", ID=letters["NoEvent"], code=1)
    for letter in letters.values():
        print(call("kronstream dead-letters drop ID", ID=letter, given="y\n"))
    assert call("kronstream dead-letters list") == ""


@scene("jobs-failing")
def jobs_failing(call: OnCall) -> None:
    job(call, "talks", "api:talk", payload={"words": "no money left", "fail": True}, retry={"limit": 0}, queue="shop")
    job(call, "fails", "api:talk", payload={"words": "no money left", "fail": True}, retry={"limit": 0})
    failed = run(call, "fails")
    eventually(lambda: re.search(r"\bfails .* failed ", call("kubectl get sched -A")), 20)
    print(call("kubectl get sched -A"))
    assert rows(call("kronstream history NAME", NAME="fails"))[failed][1] == "failed"
    assert "as it was told" in call("kronstream show RUN", RUN=failed)
    assert "no money left" in call("kronstream logs RUN", RUN=failed)
    call.shows('kronstream:runs_ended:rate5m{reason="error"}', least=0.000_1)
    call("kronstream pause NAME", NAME="fails")
    call("kronstream pause --queue QUEUE", QUEUE="shop")
    waits = run(call, "talks")
    call.shows('kronstream_queue_paused{queue="shop"}', least=1)
    assert call.installation.objects.get(scheduled("fails"))["status"]["suspended"]
    call("kronstream resume NAME", NAME="fails")
    call("kronstream resume --queue QUEUE", QUEUE="shop")
    print(call("kronstream retry --job NAME --status failed --from 1h", NAME="fails", given="y\n"), waits)
    eventually(lambda: len(rows(call("kronstream history NAME", NAME="fails"))) == 3, 20)


@scene("no-workers")
def no_workers(call: OnCall) -> None:
    job(call, "lonely", "api:nobody-has-it", queue="nobody")
    run(call, "lonely")
    print(call("kronstream get workers"), call("kronstream workers"), call("kronstream get queues"))
    assert "worker-1" in call("kronstream get workers")
    assert "nobody" in rows(call("kronstream get queues"))
    call.shows('kronstream_queue_waiting{queue="nobody"} and on (queue) kronstream_queue_workers == 0', least=1)
    told = next(text for text in call.left if "HandlerAvailable" in text)
    eventually(lambda: call(told, NAME="lonely"), 20)
    print(call(told, NAME="lonely"))


@scene("not-dispatching")
def not_dispatching(call: OnCall) -> None:
    with evicting(call):
        eventually(lambda: call.readiness("operator-1").startswith("503"), 20)
        print(call.readiness("operator-1"))
        call.logged("operator-1", "nothing is dispatched: ")
        call.shows("kronstream_operator_dispatching", most=0)
        print(call("kronstream doctor", code=1))
    call.shows("kronstream_operator_dispatching", least=1)


@scene("queue-not-drained")
def queue_not_drained(call: OnCall) -> None:
    slots, slow = sorted(text for text in queries("runbooks/queue-not-drained") if "(" in text)[::-1]
    job(call, "long", "api:sleep", payload={"seconds": 600})
    for _ in range(12):
        run(call, "long")
    call.shows(slots, least=1, most=1)
    print(call("kronstream get queues"), call("kronstream top --once"))
    print(call("kronstream cancel --job NAME", NAME="long", given="y\n"))
    call.shows(slots, most=0)
    call.shows(slow)


@scene("redis-away")
def redis_away(call: OnCall) -> None:
    here = call.installation
    here.plane.signal_part("redis", signal.SIGSTOP)
    try:
        for name in here.components:
            eventually(lambda name=name: call.readiness(name).startswith("503"), 40)
            print(name, call.readiness(name))
        call.shows("max(kronstream_redis_up)", most=0)
        with Calls(here.url()) as calls:
            assert calls.get("/stats").status_code == 503
        print(call("kronstream doctor", code=1))
    finally:
        here.plane.signal_part("redis", signal.SIGCONT)
    call.shows('kronstream_api_requests_total{status="503"}', least=1)
    with evicting(call):
        eventually(lambda: "evict" in call.readiness("worker-1"), 20)
        call('redis-cli -u "$KRONSTREAM_REDIS_URL" config set maxmemory-policy noeviction')
        call.shows("min(kronstream_redis_up)", least=1)
    assert "redis_version:" in call('redis-cli -u "$KRONSTREAM_REDIS_URL" info server')
    assert "role:master" in call('redis-cli -u "$KRONSTREAM_REDIS_URL" info replication')


@scene("redis-slow")
def redis_slow(call: OnCall) -> None:
    redis = 'redis-cli -u "$KRONSTREAM_REDIS_URL" '
    (trips,) = queries("runbooks/redis-slow")
    call.shows(trips, most=5)
    print(call(f"{redis}--latency-history", seconds=2, code=124))
    call.installation.redis.config_set("slowlog-log-slower-than", 0)
    call.installation.redis.ping()
    assert "PING" in call(f"{redis}slowlog get 10")
    call.installation.redis.config_set("slowlog-log-slower-than", 10_000)
    assert "latest_fork_usec:" in call(f"{redis}info stats")
    before = call.installation.redis.config_get("save", "appendonly")
    print(before, call(f'{redis}config set save "" appendonly yes'))
    try:
        eventually(lambda: "aof_delayed_fsync:" in call(f"{redis}info persistence"))
        assert call.installation.redis.config_get("save")["save"] == ""
    finally:
        call.installation.redis.config_set("save", before["save"], "appendonly", before["appendonly"])


@scene("status-behind")
def status_behind(call: OnCall) -> None:
    (writes,) = [text for text in queries("runbooks/status-behind") if "(" in text]
    job(call, "told", "api:echo")
    with without(call, "scheduledjobs/status", "patch"):
        ended = run(call, "told")
        call.logged("operator-1", "the API server refuses a status")
        call.shows(f"{writes} and on (outcome) kronstream_status_writes_total{{outcome=\"failed\"}}", least=0.000_1)
        call.shows("kronstream_status_untold", least=1)
        assert rows(call("kronstream history NAME", NAME="told"))[ended][1] == "success"
    call.shows("kronstream_status_untold", most=0)


@scene("watch-dead")
def watch_dead(call: OnCall) -> None:
    (asks,) = [text for text in call.left if "can-i" in text]
    assert call(asks) == "yes\n"
    with without(call, "scheduledjobs", "list"):
        assert call(asks, code=1).startswith("no")
        print(call("kronstream doctor", code=1))


@scene("dispatch-late")
def dispatch_late(call: OnCall) -> None:
    job(call, "often", "api:echo", schedule=None, every="1s")
    late = "sum(kronstream_dispatch_delay_seconds_count) - sum(kronstream_dispatch_delay_seconds_bucket{le='1.0'})"
    call.shows(late)
    before = call.graph(late)
    call.installation.send("operator-1", signal.SIGSTOP)
    try:
        call.shows("kronstream_queue_workers offset 3s unless kronstream_queue_workers")
    finally:
        call.installation.send("operator-1", signal.SIGCONT)
    call.shows(late, least=before + 1)


@scene("ends-not-recorded")
def ends_not_recorded(call: OnCall) -> None:
    here = call.installation
    job(call, "short", "api:sleep", payload={"seconds": 2})
    ended = run(call, "short")
    here.redis.config_set("maxmemory", 1)
    time.sleep(4)
    print(here.log("worker-1")[-1500:])
    print(here.redis.hgetall(here.keys.run(ended)) if hasattr(here.keys, "run") else "")
    here.redis.config_set("maxmemory", 0)


@scene("loop-killed")
def loop_killed(call: OnCall) -> None:
    call.installation.allow("stood still for")
    job(call, "blocks", "api:block", payload={"seconds": 20}, timeout="1s", retry={"limit": 0})
    blamed = run(call, "blocks")
    call.logged("worker-1", "the worker's loop stood still for", "runs to blame: " + blamed)
    call.shows("kronstream_worker_loop_stalls_total", least=1)


def queries(page: str) -> list[str]:
    """What a page asks a Prometheus for: code with a metric and something done to it."""
    text = (DOCS / f"{page}.md").read_text("utf-8")
    found = [" ".join(code.split()) for _, code in SPAN.findall(text)]
    return [code for code in found if re.search(r"\b(kronstream|process)[_:]", code) and re.search(r"[({ ]", code)]


@pytest.mark.parametrize("page", sorted(SCENES))
def test_a_runbook(page: str, doored: Installation, monitor: Prometheus) -> None:
    call = OnCall(doored, [one for one in COMMANDS if one.page == page], monitor)
    SCENES[page](call)
    assert call.left == set()
