"""EventHandlers on the real API server and Redis, with two operators and two routers."""

import json
import urllib.request

from eventually import eventually
from integration.eventbench import STREAM, counted, event, letters, listening, send, unacknowledged
from integration.installation import Installation
from integration.objects import Object, handling, ready, scheduled
from kronstream.domain.run import digest

CREATE = {"createJob": {"handler": {"function": {"name": "probe:note"}}}}


def created(installation: Installation, handler: Object) -> list[Object]:
    """The ScheduledJobs that a handler made."""
    uid = handler["metadata"]["uid"]
    return [
        job
        for job in installation.objects.all(handler["metadata"]["namespace"])
        if uid in [owner["uid"] for owner in job["metadata"].get("ownerReferences", ())]
    ]


def listen(installation: Installation, *handlers: Object) -> list[Object]:
    """Applies handlers and waits until they are in force."""
    return [installation.wait(handler, listening) for handler in installation.apply(*handlers)]


def job(installation: Installation, name: str, **spec: object) -> Object:
    """A ScheduledJob that runs only when it is asked to, adopted."""
    (made,) = installation.apply(scheduled(name, "default", "probe:note", **spec))
    return installation.wait(made, ready)


def test_the_example_of_the_mission(routed: Installation) -> None:
    action = {
        "createJob": {
            "handler": {"function": {"name": "cleanup:artifacts"}},
            "timeout": "10m",
            "payload": {"retention_days": 30},
            "queue": "nobody",
        }
    }
    own, everyone = listen(
        routed,
        handling("cleanup", "workflow.completed", action=action, platformId="platform-123", priority=5),
        handling("cleanup-all", "workflow.completed", action=action),
    )
    data = {"workflow_id": "123", "status": "completed"}

    send(
        routed,
        event("workflow.completed", data, platformid="platform-123"),
        event("workflow.completed", data, platformid="platform-456"),
    )

    routed.wait(own, counted(trigger=1, success=1, failure=0))
    routed.wait(everyone, counted(trigger=2, success=2, failure=0))
    (made,) = created(routed, own)
    assert len(created(routed, everyone)) == 2
    spec = made["spec"]
    assert spec["displayName"] == "workflow.completed:cleanup:artifacts"
    assert spec["description"] == "Triggered by event: workflow.completed"
    assert spec["payload"] == {"retention_days": 30, "event_data": data, "event_name": "workflow.completed"}
    assert (spec["createdBy"], spec["tags"]) == ("event-scheduler", ["event-triggered", "workflow.completed"])
    assert (spec["platformId"], spec["timeout"], spec["ttlAfterFinished"]) == ("platform-123", "10m", "1h")
    assert made["metadata"]["annotations"]["kronstream.dev/chain-depth"] == "1"
    (run,) = eventually(lambda: routed.records(made))
    assert (run.uid, run.state.value) == (made["metadata"]["uid"], "queued")


def test_a_redelivered_event_creates_and_runs_nothing_twice(routed: Installation) -> None:
    target = job(routed, "once-only")
    makes, runs = listen(
        routed,
        handling("makes-once", "twice.sent", action=CREATE),
        handling("runs-once", "twice.sent", action={"runJob": {"name": "once-only"}}),
    )
    same = event("twice.sent", {"n": 1})

    send(routed, same, same, same)

    routed.wait(makes, counted(success=1))
    routed.wait(runs, counted(success=1))
    eventually(lambda: unacknowledged(routed) == 0)
    assert len(created(routed, makes)) == 1
    assert len(eventually(lambda: routed.seen(target))) == 1
    assert len(routed.records(target)) == 1


def test_a_run_gets_the_event_on_top_of_its_jobs_payload(routed: Installation) -> None:
    target = job(routed, "with-payload", payload={"own": 1})
    (handler,) = listen(routed, handling("on-top", "on.top", action={"runJob": {"name": "with-payload"}}))

    send(routed, event("on.top", [1, 2], traceid="0af7651916cd43dd8448eb211c80319c"))

    routed.wait(handler, counted(success=1))
    (run,) = eventually(lambda: [run for run in routed.records(target) if run.state == "success"])
    assert json.loads(run.payload or "") == {"own": 1, "event_data": [1, 2], "event_name": "on.top"}
    assert run.trace == "0af7651916cd43dd8448eb211c80319c"


def test_an_edited_job_is_run_as_it_is_now(routed: Installation) -> None:
    target = job(routed, "edited-job", payload={"version": 1})
    (handler,) = listen(routed, handling("runs-edited", "edit.it", action={"runJob": {"name": "edited-job"}}))
    send(routed, event("edit.it"))
    routed.wait(handler, counted(success=1))

    edited = routed.objects.patch(target, payload={"version": 2})
    routed.wait(edited, ready)
    send(routed, event("edit.it"))

    routed.wait(handler, counted(success=2, failure=0))
    found = eventually(lambda: runs if len(runs := routed.records(target)) == 2 else [])
    assert sorted(json.loads(run.payload or "")["version"] for run in found) == [1, 2]


def test_a_transform_makes_the_payload(routed: Installation) -> None:
    target = job(routed, "transformed", payload={"own": 1})
    (handler,) = listen(
        routed,
        handling(
            "transforms", "make.it", action={"runJob": {"name": "transformed"}},
            transform='{"order": event.data.id, "from": event.source}',
        ),
    )  # fmt: skip

    send(routed, event("make.it", {"id": 7}))

    routed.wait(handler, counted(success=1))
    (run,) = eventually(lambda: routed.records(target))
    assert json.loads(run.payload or "") == {"order": 7, "from": "/tests"}


def test_agents_and_workflows_are_asked_with_the_events_context(routed: Installation) -> None:
    agent, workflow = listen(
        routed,
        handling("asks-agent", "ask.agent", action={"dispatchAgent": {"name": "reviewer", "payload": {"deep": True}}}),
        handling("asks-flow", "ask.flow", action={"triggerWorkflow": {"name": "nightly"}}),
    )

    send(routed, event("ask.agent", {"n": 1}), event("ask.flow", {"n": 2}))

    routed.wait(agent, counted(success=1))
    routed.wait(workflow, counted(success=1))

    def order(stream: str, name: str) -> dict[str, str]:
        return next((fields for _, fields in routed.redis.xrange(stream) if fields["name"] == name), {})

    asked = eventually(lambda: order("stream:agents:dispatch", "reviewer"))
    triggered = eventually(lambda: order("stream:workflows:trigger", "nightly"))
    assert '"n":1' in str(asked).replace(" ", "")
    assert '"n":2' in str(triggered).replace(" ", "")


def test_only_what_the_filter_holds_for_acts(routed: Installation) -> None:
    target = job(routed, "filtered")
    (handler,) = listen(
        routed,
        handling("filters", "filter.it", action={"runJob": {"name": "filtered"}}, filter='event.data.status == "done"'),
    )

    send(routed, event("filter.it", {"status": "done"}), event("filter.it", {"status": "failed"}))

    routed.wait(handler, counted(success=1, filtered=1, error=0))
    assert len(routed.records(target)) == 1


def test_an_event_that_a_filter_cannot_judge_is_counted_and_kept(routed: Installation) -> None:
    job(routed, "unjudged")
    action = {"runJob": {"name": "unjudged"}}
    bad, good = listen(
        routed,
        handling("cannot-judge", "judge.it", action=action, filter="event.data.missing > 3", priority=9),
        handling("judges", "judge.it", action=action),
    )

    send(routed, event("judge.it", {"other": 1}, id="the-odd-one"))

    told = routed.wait(bad, counted(error=1, success=0))["status"]["lastError"]
    assert told["event"] == "the-odd-one"
    assert "missing" in told["message"]
    routed.wait(good, counted(success=1))
    (kept,) = eventually(lambda: [one for one in letters(routed) if "the-odd-one" in one.get("text", "")])
    assert kept["reason"] == "FilterError"
    assert kept["handler"] == f"eh.{bad['metadata']['uid']}"


def test_handlers_act_in_the_order_of_their_priorities(routed: Installation) -> None:
    target = job(routed, "ordered", queue="nobody")
    names = ["order-c", "order-a", "order-b"]
    listen(
        routed,
        *(
            handling(name, "in.order", action={"runJob": {"name": "ordered"}}, priority=priority)
            for name, priority in zip(names, (1, 0, 0), strict=True)
        ),
    )

    send(routed, event("in.order"))

    eventually(lambda: len(routed.entries(target, "nobody")) == 3)
    entries = routed.redis.xrange(routed.keys.lane("nobody", "medium"))
    runs = [fields["run"] for _, fields in entries if fields["uid"] == target["metadata"]["uid"]]
    made = {run.id: run for run in routed.records(target)}
    assert len(made) == 3
    assert [handler_of(routed, run, names) for run in runs] == ["order-c", "order-a", "order-b"]


def handler_of(installation: Installation, run: str, names: list[str]) -> str:
    """Which handler's run it is, by the identity that is made of event and handler."""
    entries = installation.redis.xrange(STREAM)
    (sent,) = [json.loads(fields["event"]) for _, fields in entries if '"in.order"' in fields.get("event", "")]
    for name in names:
        handler = installation.objects.get(handling(name, "in.order", action={}))
        if run.endswith(f"-e{digest(sent['source'], sent['id'], 'eh.' + handler['metadata']['uid'])}"):
            return name
    raise AssertionError(f"{run} is none of {names}")


def test_an_event_of_a_namespace_is_seen_there_only(routed: Installation) -> None:
    here, there = listen(
        routed,
        handling("here", "of.namespace", action=CREATE),
        handling("there", "of.namespace", "kronstream-system", action=CREATE),
    )

    send(routed, event("of.namespace", namespace="default"), event("of.namespace"))

    routed.wait(here, counted(success=2))
    routed.wait(there, counted(success=1))
    assert len(created(routed, there)) == 1


def test_what_is_no_event_is_kept_with_the_reason(routed: Installation) -> None:
    (handler,) = listen(routed, handling("unharmed", "after.that", action=CREATE))
    before = len(letters(routed))

    routed.redis.xadd(STREAM, {"event": "{no json"})
    routed.redis.xadd(STREAM, {"other": "field"})
    send(routed, {"specversion": "9.9", "id": "1", "source": "/tests", "type": "after.that"})
    send(routed, event("after.that", chaindepth=10))
    send(routed, event("after.that"))

    routed.wait(handler, counted(success=1))
    assert eventually(lambda: unacknowledged(routed) == 0)
    # two routers read them, in whatever order
    reasons = {one["reason"] for one in letters(routed)[before:]}
    assert reasons == {"NotJson", "NoEvent", "UnknownVersion", "ChainTooDeep"}


def test_a_job_that_is_not_there_is_looked_for_again_and_then_told(routed: Installation) -> None:
    action = {"runJob": {"name": "comes-later"}}
    backoff = {"initial": "200ms", "factor": 1.0, "jitter": 0.0}
    patient, hasty = listen(
        routed,
        handling("patient", "run.missing", action=action, retry={"limit": 100, "backoff": backoff}),
        handling("hasty", "run.missing", action=action, retry={"limit": 1, "backoff": backoff}),
    )

    send(routed, event("run.missing"))

    told = routed.wait(hasty, counted(trigger=1, failure=1, success=0))["status"]["lastError"]
    assert "comes-later" in told["message"]
    uid = f"eh.{hasty['metadata']['uid']}"
    (kept,) = eventually(lambda: [one for one in letters(routed) if one.get("handler") == uid])
    assert kept["reason"] == "NoSuchJob"
    routed.wait(patient, counted(trigger=1, failure=0, success=0))

    target = job(routed, "comes-later")

    routed.wait(patient, counted(trigger=1, failure=0, success=1))
    assert len(routed.records(target)) == 1


def test_a_run_that_its_jobs_policy_skips_is_a_failure_with_the_reason(routed: Installation) -> None:
    job(routed, "exclusive", concurrencyPolicy="Forbid", queue="nobody")
    (handler,) = listen(routed, handling("too-many", "run.exclusive", action={"runJob": {"name": "exclusive"}}))

    send(routed, event("run.exclusive"), event("run.exclusive"))

    told = routed.wait(handler, counted(trigger=2, success=1, failure=1))["status"]["lastError"]
    assert "Overlap" in told["message"]


def test_a_storm_makes_no_more_open_jobs_than_allowed(routed: Installation) -> None:
    action = {"createJob": {"handler": {"function": {"name": "probe:note"}}, "queue": "nobody", "maxOpen": 3}}
    (handler,) = listen(routed, handling("storm", "storm.it", action=action))

    send(routed, *(event("storm.it", {"n": number}) for number in range(20)))

    def full(found: Object) -> bool:
        return (found["status"]["waiting"], found["status"]["openJobs"], found["status"]["successCount"]) == (17, 3, 3)

    status = routed.wait(handler, full)["status"]
    assert "oldestWaitingTime" in status
    assert len(created(routed, handler)) == 3

    for made in created(routed, handler):
        routed.delete(made)

    routed.wait(handler, counted(success=6), within=20)


def test_outcomes_of_runs_are_events(routed: Installation) -> None:
    target = job(routed, "chained")
    (handler,) = listen(
        routed,
        handling(
            "alerts", "kronstream.run.failed", action={"runJob": {"name": "chained"}},
            filter='event.data.job_name == "falls"',
        ),
    )  # fmt: skip
    spec = {"runAt": "2026-01-01T00:00:00Z", "payload": {"failures": 9}, "retry": {"limit": 0}}
    falls = scheduled("falls", "default", "probe:flaky", **spec)
    (falling,) = routed.apply({**falls, "spec": {**falls["spec"], "startingDeadline": "366d"}})
    routed.objects.annotate(falling, "kronstream.dev/run-now", "1")

    routed.wait(handler, counted(success=1))

    (run,) = eventually(lambda: routed.records(target))
    told = json.loads(run.payload or "")
    assert told["event_name"] == "kronstream.run.failed"
    assert told["event_data"]["job_name"] == "falls"
    assert told["event_data"]["consecutive_failures"] == 1
    eventually(lambda: routed.redis.xlen(routed.keys.outcomes) == 0)


def test_routers_tell_monitors_what_they_did(routed: Installation) -> None:
    (handler,) = listen(routed, handling("measured", "measure.it", action=CREATE))
    send(routed, event("measure.it"))
    routed.wait(handler, counted(success=1))

    def told(name: str) -> float:
        found = 0.0
        for router in routed.routers:
            url = f"http://127.0.0.1:{routed.components[router].port}/metrics"
            with urllib.request.urlopen(url, timeout=5) as answer:
                lines = answer.read().decode().splitlines()
            found += sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))
        return found

    for name in (
        "kronstream_events_read_total", 'kronstream_event_effects_total{fate="queued"}',
        'kronstream_event_actions_total{ending="done"}', "kronstream_event_handlers ",
    ):  # fmt: skip
        eventually(lambda name=name: told(name) >= 1, because=name)
