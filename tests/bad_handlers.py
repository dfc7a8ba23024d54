"""Specs of EventHandlers that are refused, and the field that the refusal names; see bad_specs."""

from typing import Any

from bad_specs import HANDLER, http, nested

RESOURCE = {
    "template": {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow"},
    "success": 'object.status.phase == "Succeeded"',
}


def spec(**fields: Any) -> dict[str, Any]:
    """A spec that is good unless the fields make it bad."""
    return {"event": "workflow.completed", "action": {"runJob": {"name": "report"}}, **fields}


def create(**fields: Any) -> dict[str, Any]:
    """A spec that creates jobs, good unless the fields make it bad."""
    return spec(action={"createJob": {"handler": HANDLER, **fields}})


def workflow(**fields: Any) -> dict[str, Any]:
    """A spec that triggers a workflow."""
    return spec(action={"triggerWorkflow": fields})


def agent(**fields: Any) -> dict[str, Any]:
    """A spec that dispatches an agent, good unless the fields make it bad."""
    return spec(action={"dispatchAgent": {"name": "reviewer", **fields}})


def debounce(**fields: Any) -> dict[str, Any]:
    """A spec that waits for quiet, good unless the fields make it bad."""
    return spec(debounce={"quiet": "1s", **fields})


# judged by CEL: the API server answers in the words of Invalid.instead
WORDED: dict[str, tuple[dict[str, Any], str]] = {
    "event-empty": (spec(event=""), "spec.event"),
    "event-with-a-blank": (spec(event="workflow completed"), "spec.event"),
    "event-ends-in-a-dot": (spec(event="workflow."), "spec.event"),
    "event-begins-with-a-dot": (spec(event=".completed"), "spec.event"),
    "event-with-two-dots": (spec(event="workflow..completed"), "spec.event"),
    "star-in-a-segment": (spec(event="workflow.comp*"), "spec.event"),
    "two-stars": (spec(event="workflow.**"), "spec.event"),
    "event-of-two-lines": (spec(event="a.b\n"), "spec.event"),
    "stream-empty": (spec(source={"stream": ""}), "spec.source.stream"),
    "stream-with-braces": (spec(source={"stream": "{events}"}), "spec.source.stream"),
    "stream-with-a-blank": (spec(source={"stream": "my events"}), "spec.source.stream"),
    "stream-of-runs": (spec(source={"stream": "stream:scheduler:job.dispatch"}), "spec.source.stream"),
    "stream-of-agents": (spec(source={"stream": "stream:agents:dispatch"}), "spec.source.stream"),
    "stream-of-workflows": (spec(source={"stream": "stream:workflows:trigger"}), "spec.source.stream"),
    "stream-of-replies": (spec(source={"stream": "stream:scheduler:replies"}), "spec.source.stream"),
    "window-zero": (spec(dedupe={"key": "event.id", "window": "0s"}), "spec.dedupe.window"),
    "window-longer-than-claims": (spec(dedupe={"key": "event.id", "window": "8d"}), "spec.dedupe.window"),
    "quiet-too-short": (debounce(quiet="99ms"), "spec.debounce.quiet"),
    "quiet-in-words": (debounce(quiet="a minute"), "spec.debounce.quiet"),
    "max-wait-shorter-than-quiet": (debounce(quiet="1m", maxWait="59s"), "spec.debounce.maxWait"),
    "max-wait-too-long": (debounce(maxWait="25h"), "spec.debounce.maxWait"),
    "rate-per-nothing": (spec(rateLimit={"count": 1, "per": "0s"}), "spec.rateLimit.per"),
    "rate-per-week": (spec(rateLimit={"count": 1, "per": "7d"}), "spec.rateLimit.per"),
    "backoff-falls": (spec(retry={"backoff": {"initial": "1m", "max": "1s"}}), "spec.retry.backoff.max"),
    "nothing-to-do": (spec(action={}), "spec.action"),
    "two-things-to-do": (
        spec(action={"runJob": {"name": "a"}, "createJob": {"handler": HANDLER}}),
        "spec.action",
    ),
    "job-in-capitals": (spec(action={"runJob": {"name": "Report"}}), "spec.action.runJob.name"),
    "job-of-another-namespace": (spec(action={"runJob": {"name": "other/report"}}), "spec.action.runJob.name"),
    "job-without-a-name": (spec(action={"runJob": {"name": ""}}), "spec.action.runJob.name"),
    "nothing-to-execute": (create(handler={}), "spec.action.createJob.handler"),
    "function-is-code": (
        create(handler={"function": {"name": "os.system('id')"}}),
        "spec.action.createJob.handler.function.name",
    ),
    "url-of-ftp": (create(handler=http(url="ftp://example.com/")), "spec.action.createJob.handler.http.url"),
    "kept-for-ever": (create(ttlAfterFinished="366d"), "spec.action.createJob.ttlAfterFinished"),
    "kept-without-unit": (create(ttlAfterFinished="60"), "spec.action.createJob.ttlAfterFinished"),
    "timeout-zero": (create(timeout="0s"), "spec.action.createJob.timeout"),
    "queue-with-blank": (create(queue="my queue"), "spec.action.createJob.queue"),
    "account-in-capitals": (agent(serviceAccountName="Admin"), "spec.action.dispatchAgent.serviceAccountName"),
    "workflow-of-nothing": (workflow(), "spec.action.triggerWorkflow"),
    "workflow-of-both": (workflow(name="nightly", resource=RESOURCE), "spec.action.triggerWorkflow"),
    "workflow-with-a-blank": (workflow(name="my flow"), "spec.action.triggerWorkflow.name"),
    "agent-with-a-blank": (agent(name="the reviewer"), "spec.action.dispatchAgent.name"),
    "agent-timeout-too-long": (agent(timeout="8d"), "spec.action.dispatchAgent.timeout"),
}

# judged by the schema: the API server has its own words
BOUNDED: dict[str, tuple[dict[str, Any], str]] = {
    "event-missing": ({"action": {"runJob": {"name": "report"}}}, "spec.event"),
    "event-too-long": (spec(event="a" * 256), "spec.event"),
    "event-a-list": (spec(event=["a"]), "spec.event"),
    "action-missing": ({"event": "a"}, "spec.action"),
    "source-a-text": (spec(source="stream:events"), "spec.source"),
    "filter-empty": (spec(filter=""), "spec.filter"),
    "filter-too-long": (spec(filter="true || " * 128 + "true"), "spec.filter"),
    "filter-a-flag": (spec(filter=True), "spec.filter"),
    "platform-empty": (spec(platformId=""), "spec.platformId"),
    "platform-too-long": (spec(platformId="x" * 64), "spec.platformId"),
    "priority-too-high": (spec(priority=1_001), "spec.priority"),
    "priority-too-low": (spec(priority=-1_001), "spec.priority"),
    "priority-a-word": (spec(priority="high"), "spec.priority"),
    "enabled-a-text": (spec(enabled="no"), "spec.enabled"),
    "dedupe-without-key": (spec(dedupe={"window": "1m"}), "spec.dedupe.key"),
    "dedupe-without-window": (spec(dedupe={"key": "event.id"}), "spec.dedupe.window"),
    "debounce-without-quiet": (spec(debounce={"maxWait": "1m"}), "spec.debounce.quiet"),
    "take-unknown": (debounce(take="All"), "spec.debounce.take"),
    "rate-of-none": (spec(rateLimit={"count": 0, "per": "1s"}), "spec.rateLimit.count"),
    "rate-without-per": (spec(rateLimit={"count": 5}), "spec.rateLimit.per"),
    "over-unknown": (spec(rateLimit={"count": 5, "per": "1s", "over": "Wait"}), "spec.rateLimit.over"),
    "transform-empty": (spec(transform=""), "spec.transform"),
    "retries-too-many": (spec(retry={"limit": 101}), "spec.retry.limit"),
    "job-missing": (spec(action={"runJob": {}}), "spec.action.runJob.name"),
    "handler-missing": (spec(action={"createJob": {}}), "spec.action.createJob.handler"),
    "open-none": (create(maxOpen=0), "spec.action.createJob.maxOpen"),
    "open-too-many": (create(maxOpen=10_001), "spec.action.createJob.maxOpen"),
    "priority-of-a-run-a-number": (create(priority=5), "spec.action.createJob.priority"),
    "payload-a-large-text": (create(payload="x" * 65_537), "spec.action.createJob.payload"),
    "success-missing": (
        workflow(resource={"template": RESOURCE["template"]}),
        "spec.action.triggerWorkflow.resource.success",
    ),
    "agent-without-a-name": (spec(action={"dispatchAgent": {}}), "spec.action.dispatchAgent.name"),
    "run-retries-too-many": (agent(retry={"limit": 101}), "spec.action.dispatchAgent.retry.limit"),
}

# beyond the schema: the API server accepts them, the operator tells in the status
BEYOND: dict[str, tuple[dict[str, Any], str]] = {
    "payload-too-deep": (create(payload=nested(33)), "spec.action.createJob.payload"),
    "payload-sum-too-large": (
        create(payload={"a": "x" * 40_000, "b": "x" * 40_000}),
        "spec.action.createJob.payload",
    ),
}

# what only an engine can judge: the operator and `kronstream validate` tell it in the same words
JUDGED: dict[str, tuple[dict[str, Any], str]] = {
    "filter-misspelt": (spec(filter='event.tpye == "a"'), "spec.filter"),
    "filter-without-event": (spec(filter='data.status == "completed"'), "spec.filter"),
    "filter-of-blanks": (spec(filter="  "), "spec.filter"),
    "filter-with-one-equals": (spec(filter='event.type = "a"'), "spec.filter"),
    "filter-of-two-types": (spec(filter="event.id > 5"), "spec.filter"),
    "filter-gives-a-text": (spec(filter="event.id"), "spec.filter"),
    "filter-that-loops": (spec(filter='event.data.tags.exists(tag, tag == "a")'), "spec.filter"),
    "filter-by-pattern": (spec(filter='event.source.matches("^/a")'), "spec.filter"),
    "filter-asks-for-a-subject": (spec(filter="has(event.subject)"), "spec.filter"),
    "filter-left-open": (spec(filter='event.data.a == "b'), "spec.filter"),
    "key-of-nothing": (spec(dedupe={"key": "order_id", "window": "1m"}), "spec.dedupe.key"),
    "key-of-null": (debounce(key="null"), "spec.debounce.key"),
    "transform-misspelt": (spec(transform='{"id": event.dta.id}'), "spec.transform"),
    "transform-left-open": (spec(transform='{"id": event.id'), "spec.transform"),
    "transform-of-bytes": (spec(transform='b"x"'), "spec.transform"),
    "url-of-a-misspelt-name": (
        create(handler=http(url="https://example.com/${job.nam}")),
        "spec.action.createJob.handler.http.url",
    ),
    "success-of-nothing": (
        workflow(resource={**RESOURCE, "success": "phase == 1"}),
        "spec.action.triggerWorkflow.resource.success",
    ),
}
