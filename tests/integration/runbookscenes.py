"""What each runbook is about, brought about on an installation: what one does then, and sees."""

import copy
import json
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from eventually import eventually
from integration.calls import Calls
from integration.eventbench import listening
from integration.objects import handling, ready, scheduled
from integration.oncall import WITHIN, OnCall, queries

SCENES: dict[str, Callable[[OnCall], None]] = {}
ASKED = "0 0 1 1 *"  # jobs that run when they are asked to
EVICTS = "Redis may evict keys (maxmemory-policy allkeys-lru)"


def scene(page: str) -> Callable[[Callable[[OnCall], None]], Callable[[OnCall], None]]:
    """The function shows what a runbook is about."""

    def noted(act: Callable[[OnCall], None]) -> Callable[[OnCall], None]:
        SCENES[f"runbooks/{page}"] = act
        return act

    return noted


def job(call: OnCall, name: str, function: str, **spec: object) -> None:
    """A job that is in force."""
    when = {} if "every" in spec else {"schedule": ASKED}
    (made,) = call.installation.apply(scheduled(name, "default", function, **when, **spec))
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


def tells(call: OnCall, command: str, *words: str) -> None:
    """Waits until a command prints a line that begins with these words; a worker that is held up is not live."""
    eventually(lambda: rows(call(command)).get(words[0], [])[: len(words)] == list(words), WITHIN)


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
    here.redis.delete(here.keys.dead, here.keys.dead_events)
    job(call, "kills", "api:kill", maxDeliveries=1, retry={"limit": 0})
    job(call, "sells", "api:echo")
    hears = handling("hears", "order.placed", action={"runJob": {"name": "sells"}}, filter="event.data.amount > 1")
    here.wait(here.apply(hears)[0], listening)
    ended = run(call, "kills")
    with Calls(here.url()) as calls:
        event = {"specversion": "1.0", "id": "d-1", "source": "/shop", "type": "order.placed", "data": {}}
        calls.post("/events", json=event, headers={"Content-Type": "application/cloudevents+json"})
    here.redis.xadd("stream:events", {"no": "event"})

    def all_there() -> dict[str, str]:
        found = {words[1]: words[0] for words in rows(call("kronstream dead-letters list")).values()}
        found.pop("REASON", None)
        return found if {"too_many_deliveries", "NoEvent", "FilterError"} <= set(found) else {}

    letters = eventually(all_there, WITHIN)
    assert "kills" in call("kronstream dead-letters show ID", ID=letters["too_many_deliveries"])
    assert "exited with code 7" in call("kronstream show RUN", RUN=ended)
    call.logged("worker-1", "the loop process exited with code 7")
    for kind in ("run", "event"):
        call.shows(f'kronstream_dead_letters{{kind="{kind}"}}', least=1)
    assert "mend the handler" in call("kronstream dead-letters replay ID", ID=letters["FilterError"], code=1)
    here.wait(here.apply({**hears, "spec": {**hears["spec"], "filter": "true"}})[0], listening)
    call("kronstream dead-letters replay ID", ID=letters.pop("FilterError"))
    assert "no event" in call("kronstream dead-letters replay ID", ID=letters["NoEvent"], code=1)
    for letter in letters.values():
        assert f"{letter} dropped" in call("kronstream dead-letters drop ID", ID=letter, given="y\n")
    assert "no dead letters" in call("kronstream dead-letters list")


@scene("jobs-failing")
def jobs_failing(call: OnCall) -> None:
    job(call, "talks", "api:talk", payload={"words": "no money left", "fail": True}, retry={"limit": 0}, queue="shop")
    job(call, "fails", "api:talk", payload={"words": "no money left", "fail": True}, retry={"limit": 0})
    failed = run(call, "fails")
    eventually(lambda: re.search(r"\bfails .* failed ", call("kubectl get sched -A")), WITHIN)
    assert rows(call("kronstream history NAME", NAME="fails"))[failed][1] == "failed"
    assert "as it was told" in call("kronstream show RUN", RUN=failed)
    assert "no money left" in call("kronstream logs RUN", RUN=failed)
    call.shows('kronstream_runs_ended_total{reason="error"}', least=1)
    call("kronstream pause NAME", NAME="fails")
    call("kronstream pause --queue QUEUE", QUEUE="shop")
    run(call, "talks")
    call.shows('kronstream_queue_paused{queue="shop"}', least=1)
    call.installation.wait(scheduled("fails"), lambda found: found["status"]["suspended"] == "Paused")
    call("kronstream resume NAME", NAME="fails")
    call("kronstream resume --queue QUEUE", QUEUE="shop")
    retried = call("kronstream retry --job NAME --status failed --from 1h", NAME="fails", given="y\n")
    assert "1 execution of fails" in retried
    eventually(lambda: len(rows(call("kronstream history NAME", NAME="fails"))) == 3, WITHIN)
    call.shows('kronstream:runs_ended:rate5m{reason="error"}', least=0.000_1)


@scene("no-workers")
def no_workers(call: OnCall) -> None:
    job(call, "lonely", "api:nobody-has-it", queue="nobody")
    run(call, "lonely")
    for command in ("kronstream get workers", "kronstream workers"):
        tells(call, command, "worker-1", "default=10")
    tells(call, "kronstream get queues", "nobody", "active", "1")
    call.shows('kronstream_queue_waiting{queue="nobody"} and on (queue) kronstream_queue_workers == 0', least=1)
    told = next(text for text in call.left if "HandlerAvailable" in text)
    eventually(lambda: "no live worker of queue nobody offers" in call(told, NAME="lonely"), WITHIN)


@scene("not-dispatching")
def not_dispatching(call: OnCall) -> None:
    with evicting(call):
        eventually(lambda: re.match(f"503.*{re.escape(EVICTS)}", call.readiness("operator-1"), re.DOTALL), WITHIN)
        call.logged("operator-1", "nothing is dispatched: ")
        call.shows("max(kronstream_operator_dispatching)", most=0)
        assert f"WRONG  Redis: {EVICTS}" in call("kronstream doctor", code=1)
    call.shows("kronstream_operator_dispatching", least=1)


@scene("queue-not-drained")
def queue_not_drained(call: OnCall) -> None:
    slots, slow = sorted(text for text in queries("runbooks/queue-not-drained") if "(" in text)[::-1]
    job(call, "long", "api:sleep", payload={"seconds": 600})
    for _ in range(12):
        run(call, "long")
    call.shows(slots, least=1, most=1)
    tells(call, "kronstream get queues", "default", "active", "2", "10")
    tells(call, "kronstream top --once", "worker-1")
    assert "12 executions of long" in call("kronstream cancel --job NAME", NAME="long", given="y\n")
    call.shows(slots, most=0)
    call.shows(slow)


@scene("redis-away")
def redis_away(call: OnCall) -> None:
    here = call.installation
    here.plane.stop_part("redis")
    try:
        for name in here.components:
            eventually(lambda name=name: re.match("503.*Redis", call.readiness(name), re.DOTALL), WITHIN)
        call.shows("max(kronstream_redis_up)", most=0)
        with Calls(here.url()) as calls:
            assert calls.get("/stats").status_code == 503
        assert "WRONG  Redis: no answer from " in call("kronstream doctor", code=1)
    finally:
        here.plane.start_part("redis")
    call.shows('kronstream_api_requests_total{status="503"}', least=1)
    with evicting(call):
        eventually(lambda: EVICTS in call.readiness("worker-1"), WITHIN)
        call('redis-cli -u "$KRONSTREAM_REDIS_URL" config set maxmemory-policy noeviction')
        call.shows("min(kronstream_redis_up)", least=1)
    assert "redis_version:" in call('redis-cli -u "$KRONSTREAM_REDIS_URL" info server')
    assert "role:master" in call('redis-cli -u "$KRONSTREAM_REDIS_URL" info replication')


@scene("redis-slow")
def redis_slow(call: OnCall) -> None:
    redis = 'redis-cli -u "$KRONSTREAM_REDIS_URL" '
    (trips,) = queries("runbooks/redis-slow")
    call.shows(trips, most=5)
    # a line comes every 15 s, where no terminal is
    assert "refused" not in call(f"{redis}--latency-history", seconds=1, code=124)
    call.installation.redis.eval("for i = 1, 5000000 do end", 0)
    assert "5000000" in call(f"{redis}slowlog get 10")
    assert "latest_fork_usec:" in call(f"{redis}info stats")
    before = call.installation.redis.config_get("save", "appendonly")
    try:
        assert call(f'{redis}config set save "" appendonly yes').strip() == "OK"
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
        call.shows(f"{writes} and on (outcome) kronstream_status_writes_total{{outcome='failed'}}", least=0.000_1)
        call.shows("kronstream_status_untold", least=1)
        eventually(lambda: rows(call("kronstream history NAME", NAME="told"))[ended][1] == "success", WITHIN)
    call.shows("kronstream_status_untold", most=0)


@scene("watch-dead")
def watch_dead(call: OnCall) -> None:
    (asks,) = [text for text in call.left if "can-i" in text]
    assert call(asks) == "yes\n"
    with without(call, "scheduledjobs", "list"):
        eventually(lambda: call(asks, code=1).startswith("no"), WITHIN)
        said = call("kronstream doctor", code=1)
    assert "WRONG  RBAC: kronstream-system:kronstream-operator may not list scheduledjobs.kronstream.dev" in said


@scene("dispatch-late")
def dispatch_late(call: OnCall) -> None:
    job(call, "often", "api:echo", every="1s")
    late = "sum(kronstream_dispatch_delay_seconds_count) - sum(kronstream_dispatch_delay_seconds_bucket{le='1.0'})"
    call.shows(late)
    before = call.graph(late)
    call.installation.send("operator-1", signal.SIGSTOP)
    try:
        call.shows('max_over_time(up{job="operator"}[3s])', most=0)
    finally:
        call.installation.send("operator-1", signal.SIGCONT)
    call.shows(late, least=before + 1)


@scene("ends-not-recorded")
def ends_not_recorded(call: OnCall) -> None:
    redis = call.installation.redis
    job(call, "short", "api:sleep", payload={"seconds": 5})

    def ends(ended: str) -> bool:
        return eventually(lambda: rows(call.kronstream("history", "short"))[ended][1] == "success", WITHIN)

    full = run(call, "short")
    eventually(lambda: redis.hget(call.installation.keys.run(full), "sta"))
    redis.config_set("maxmemory", 1)
    try:
        assert ends(full)
    finally:
        redis.config_set("maxmemory", 0)
    copied = run(call, "short")
    eventually(lambda: redis.hget(call.installation.keys.run(copied), "sta"))
    redis.replicaof("127.0.0.1", "1")
    try:
        call.logged(
            "worker-1", "cannot record the ends of runs (ReadOnlyError: You can't write against a read only replica"
        )
        call.shows("kronstream_worker_unsent", least=1)
    finally:
        redis.replicaof("NO", "ONE")
    assert ends(copied)
    call.shows("kronstream_worker_unsent", most=0)


@scene("loop-killed")
def loop_killed(call: OnCall) -> None:
    call.installation.allow("stood still for")
    job(call, "blocks", "api:block", payload={"seconds": 20}, timeout="1s", retry={"limit": 0})
    blamed = run(call, "blocks")
    call.logged("worker-1", "the worker's loop stood still for", "runs to blame: " + blamed)
    call.shows("kronstream_worker_loop_stalls_total", least=1)


@scene("events-lag")
def events_lag(call: OnCall) -> None:
    (reads,) = [text for text in queries("runbooks/events-lag") if "(" in text]
    job(call, "heard", "api:echo")
    here = call.installation
    here.wait(here.apply(handling("hears", "order.placed", action={"runJob": {"name": "heard"}}))[0], listening)
    here.redis.xadd("stream:events", {"no": "event"})
    call.shows(reads, least=0.000_1)
    call.shows("kronstream_event_stream_lag", most=0)
    assert call.readiness("router-1").startswith("200")
