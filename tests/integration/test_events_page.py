"""The examples of docs/events.md, applied and acted on: a real API server and Redis, two operators and two routers."""

import asyncio
import json
import os
import re
import shlex
import subprocess
import sys
from typing import Any

import pytest

from eventually import eventually
from integration.eventbench import STREAM, counted, event, letters, listening, send
from integration.installation import Installation
from integration.objects import Object, RefusedError, condition, handling, ready, scheduled
from kronstream.dev.kubectl import Kubectl
from kronstream.domain.event import CHAIN_LIMIT
from kronstream.operations import Ingest
from kronstream.operations.eventhandlers import Hearers, known
from kronstream.operations.eventletters import EventDeadLetters
from kronstream.operations.trigger import Trigger
from kronstream.operations.triggered import Answer, Outcome
from kronstream.settings import DEFAULT_GROUP
from kronstream.streams.connection import connect
from kronstream.streams.effects import RedisEffects
from kronstream.streams.eventletters import RedisEventLetters
from kronstream.streams.eventlog import RedisEventLog
from kronstream.streams.requests import RedisRequests
from unit import docevents
from unit.docpage import Block, code
from unit.test_docs_events import BLOCKS, REQUESTS, TABLES, YAML, example, table


def listen(installation: Installation, *handlers: Object) -> list[Object]:
    """Applies handlers and waits until they are in force."""
    return [installation.wait(handler, listening) for handler in installation.apply(*handlers)]


def bill(installation: Installation) -> Object:
    """The job that the examples run."""
    (made,) = installation.apply(scheduled("bill", "default", "probe:note"))
    return installation.wait(made, ready)


def around(heading: str, name: str, number: int = 0, **spec: Any) -> Object:
    """A handler around the example under a heading."""
    written = {**docevents.fields(example(heading, number).text), **spec}
    return handling(name, "order.paid", action=written.pop("action", {"runJob": {"name": "bill"}}), **written)


def shell(installation: Installation, command: str, **environ: str) -> str:
    """What `emit` as on the page prints; straight to Redis, for this installation has no API."""
    program, verb, *arguments = shlex.split(command)
    assert (program, verb) == ("kronstream", "emit")
    given = {"KRONSTREAM_REDIS_URL": installation.plane.redis_url, "KUBECONFIG": str(installation.plane.kubeconfig)}
    done = subprocess.run(
        [sys.executable, "-m", "kronstream.cli.main", verb, "--direct", *arguments],
        env={**os.environ, **given, **environ}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("block", YAML, ids=lambda block: f"line {block.line}")
def test_an_example_is_applied(block: Block, kubectl: Kubectl) -> None:
    obj = docevents.handler(block.text)
    obj["metadata"] = {"name": f"events-{block.line}", "namespace": "default"}

    assert "created" in kubectl("create", "--dry-run=server", "--validate=strict", "-f", "-", stdin=json.dumps(obj))


def test_events_come_in_by_every_way(routed: Installation) -> None:
    job = bill(routed)
    (handler,) = listen(routed, handling("pays", "order.paid", action={"runJob": {"name": "bill"}}))
    commands = {block.heading: block.text for block in BLOCKS if block.language == "sh"}

    _, *words = shlex.split(commands["A Redis stream"])
    routed.redis.execute_command(*words)
    assert shell(routed, commands["The command emit"]) == "order-1002\n"

    async def post() -> None:
        redis = connect(routed.plane.redis_url)
        try:
            service = Ingest(RedisEventLog(redis, routed.keys), STREAM)
            for headers, body in REQUESTS:
                await service.accept(headers, body, 1_795_000_000_000)
        finally:
            await redis.aclose()

    asyncio.run(post())

    routed.wait(handler, counted(trigger=6, success=6, failure=0))
    runs = eventually(lambda: found if len(found := routed.records(job)) == 6 else [])
    told = {json.loads(run.payload or "")["event_data"]["order"] for run in runs}
    assert told == {1001, 1002, 1003, 1004, 1005, 1006}


def test_the_first_example_is_shown_as_on_the_page(routed: Installation) -> None:
    (console,) = [block for block in BLOCKS if block.language == "console" and "get eh" in block.text]
    (command,) = [block.text for block in BLOCKS if block.language == "sh" and block.heading == "An EventHandler"]
    written = docevents.fields(YAML[0].text)
    written["metadata"]["namespace"] = "default"
    (handler,) = listen(routed, written)

    shell(routed, command)

    routed.wait(handler, counted(success=1))
    printed = routed.plane.kubectl("get", "eh", "-n", "default").splitlines()
    shown = [re.split(r" {2,}", line) for line in console.lines[1:]]
    # the two last columns are how long ago
    assert [re.split(r" {2,}", line.strip())[:9] for line in printed] == [row[:9] for row in shown]


def acted(installation: Installation, handler: Object) -> Any:
    """What the handler's action made: a job, or a run."""
    uid = handler["metadata"]["uid"]
    jobs = [
        job
        for job in installation.objects.all("default")
        if uid in [one["uid"] for one in job["metadata"].get("ownerReferences", ())]
    ]
    return jobs or installation.records({"metadata": {"uid": f"eh.{uid}"}})


def test_every_action_is_done(routed: Installation) -> None:
    job = bill(routed)
    (create, run, workflow, resource, agent) = listen(
        routed,
        around("createJob", "invoice"),
        around("runJob", "bill"),
        around("triggerWorkflow", "fulfil"),
        # no worker of this installation may make Workflows
        queued(around("triggerWorkflow", "argo", 1)),
        around("dispatchAgent", "ask"),
    )

    send(routed, event("order.paid", {"order": 7}))

    for handler in (create, run, workflow, resource, agent):
        routed.wait(handler, counted(trigger=1, success=1, failure=0))
    (made,) = acted(routed, create)
    assert made["spec"]["displayName"] == "order.paid:invoices:send"
    assert made["spec"]["payload"] == {"template": "standard", "event_data": {"order": 7}, "event_name": "order.paid"}
    assert made["spec"]["ttlAfterFinished"] == "10m"
    assert len(eventually(lambda: routed.records(job))) == 1
    assert len(acted(routed, resource)) == 1
    for handler, stream, name in (
        (workflow, "stream:workflows:trigger", "fulfilment"),
        (agent, "stream:agents:dispatch", "fraud-check"),
    ):
        (record,) = acted(routed, handler)
        (order,) = eventually(lambda stream=stream, record=record: orders(routed, stream, record.id))
        assert (order["name"], order["job"]) == (name, handler["metadata"]["name"])
        assert json.loads(order["payload"])["event_data"] == {"order": 7}
    assert json.loads(order["payload"])["depth"] == "full"


def queued(handler: Object) -> Object:
    """A handler whose runs nobody takes."""
    handler["spec"]["action"]["triggerWorkflow"]["queue"] = "nobody"
    return handler


def orders(installation: Installation, stream: str, run: str) -> list[dict[str, str]]:
    """What was ordered for a run."""
    return [fields for _, fields in installation.redis.xrange(stream) if fields.get("run") == run]


def test_every_rule_holds(routed: Installation) -> None:
    job = bill(routed)
    names = ("filter", "dedupe", "debounce", "rateLimit", "transform", "retry", "Which handlers an event finds")
    filters, dedupes, bursts, delays, makes, *others = listen(
        routed, *(around(heading, f"by-{heading.split()[0].lower()}") for heading in names)
    )
    (drops,) = listen(routed, around("rateLimit", "by-drop", 1))
    large = {"order": 7, "total": 120.0, "repository": "a"}

    send(routed, *(event("order.paid", large, source="/shop/eu", platformid="platform-123") for _ in range(3)))
    send(routed, event("order.paid", {**large, "total": 99.5}, source="/shop/eu", platformid="platform-123"))

    routed.wait(filters, counted(success=3, filtered=1, error=0))
    routed.wait(dedupes, counted(success=1, deduplicated=3))
    waiting = routed.wait(bursts, counted(trigger=0, debounced=3))
    assert waiting["status"]["waiting"] == 1
    assert routed.wait(delays, counted(success=2, rateLimited=2))["status"]["waiting"] == 2
    routed.wait(drops, counted(success=1, rateLimited=3))
    for handler in (makes, *others):
        routed.wait(handler, counted(success=4))
    payloads = [json.loads(run.payload or "") for run in routed.records(job)]
    assert payloads.count({"order": 7, "platform": "platform-123"}) == 4


def replayed(installation: Installation, letter: str) -> list[Answer]:
    """What the service of dead letters answers, as the API will ask it."""
    objects = installation.objects.send("GET", "/apis/kronstream.dev/v1/eventhandlers")["items"]

    async def ask() -> list[Answer]:
        redis = connect(installation.plane.redis_url)
        try:
            keys = installation.keys
            trigger = Trigger(RedisEffects(redis, keys, DEFAULT_GROUP), RedisRequests(redis, keys, DEFAULT_GROUP))
            service = EventDeadLetters(RedisEventLetters(redis, keys), trigger, keys.outcomes)
            return await service.replay(letter, Hearers(map(known, objects)))
        finally:
            await redis.aclose()

    return asyncio.run(ask())


def buried(installation: Installation, reason: str) -> list[str]:
    """Ids of the dead letters of a reason."""
    found = installation.redis.xrange(installation.keys.dead_events)
    return [number for number, fields in found if fields["reason"] == reason]


def test_a_letter_is_replayed_to_its_handler_alone(routed: Installation) -> None:
    before = buried(routed, "NoSuchJob")
    hasty, other = listen(
        routed,
        handling("hasty", "order.paid", action={"runJob": {"name": "bill"}}, retry={"limit": 0}),
        handling("other", "order.paid", action={"createJob": {"handler": {"function": {"name": "probe:note"}}}}),
    )
    send(routed, event("order.paid", {"order": 7}))
    routed.wait(hasty, counted(trigger=1, success=0, failure=1))
    routed.wait(other, counted(success=1))
    (letter,) = [one for one in buried(routed, "NoSuchJob") if one not in before]
    job = bill(routed)

    (answer,) = replayed(routed, letter)

    assert (answer.name, answer.outcome) == ("hasty", Outcome.STARTED)
    (run,) = eventually(lambda: [one for one in routed.records(job) if one.state.terminal])
    assert (run.id, run.result["event_data"]) == (answer.run, {"order": 7})
    routed.wait(hasty, counted(trigger=2, success=1, failure=1))
    routed.wait(other, counted(trigger=1))
    assert letter not in buried(routed, "NoSuchJob")


def test_a_handler_that_causes_its_own_event_ends(routed: Installation) -> None:
    (job,) = routed.apply(scheduled("loop", "default", "probe:note", history={"successful": 50}))
    routed.wait(job, ready)
    (handler,) = listen(
        routed,
        handling(
            "loops", "kronstream.run.succeeded", filter='event.data.job_name == "loop"',
            action={"runJob": {"name": "loop"}},
        ),
    )  # fmt: skip
    routed.ask(lambda service: service.runs.run_now(job["metadata"]["uid"], "begin"))

    def deep() -> list[dict[str, str]]:
        return [one for one in letters(routed) if one["reason"] == "ChainTooDeep" and '"loop"' in one["text"]]

    assert len(eventually(deep, within=20)) == 1
    routed.wait(handler, counted(trigger=CHAIN_LIMIT, success=CHAIN_LIMIT, failure=0))
    # the one that was asked for, and one for each event up to the limit
    assert len(routed.records(job)) == 1 + CHAIN_LIMIT


def test_a_stream_that_is_none_is_told_as_on_the_page(routed: Installation) -> None:
    row = next(row for row in table("What the status says").rows if "something else" in row[0])
    routed.redis.set("stream:text-of-page", "no stream")
    (handler,) = routed.apply(
        handling(
            "deaf-of-page", "order.paid", source={"stream": "stream:text-of-page"}, action={"runJob": {"name": "b"}}
        )
    )

    told = routed.wait(handler, lambda found: condition(found, "Ready").get("reason") == code(row[2]))

    message = code(row[3]).replace(STREAM, "stream:text-of-page")
    assert (condition(told, "Ready")["status"], condition(told, "Ready")["message"]) == (code(row[1]), message)
    routed.delete(handler)
    routed.redis.delete("stream:text-of-page")


@pytest.mark.parametrize("number", range(len(next(one for one in TABLES if one.heading == "What bad input gets").rows)))
def test_bad_input_gets_its_message_where_the_page_says(number: int, routed: Installation) -> None:
    cell, teller, shown = table("What bad input gets").rows[number]
    spec = docevents.around(docevents.fields(code(cell)))["spec"]
    bad, message = handling(f"bad-{number}", spec.pop("event"), **spec), code(shown)

    if teller == "the status":
        (applied,) = routed.apply(bad)
        told = routed.wait(applied, lambda found: condition(found, "Stalled").get("status") == "True", within=20)
        assert condition(told, "Stalled")["message"] == condition(told, "Ready")["message"] == message
    else:
        with pytest.raises(RefusedError) as refused:
            routed.apply(bad)
        field, _, fault = message.partition(": ")
        assert field in str(refused.value)
        assert fault[fault.index("; ") + 2 :] in str(refused.value)
