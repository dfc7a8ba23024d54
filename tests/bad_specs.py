"""Specs that are refused, and the field that the refusal names; shared by the tests of the models and of the CRD."""

from typing import Any

HANDLER = {"function": {"name": "echo"}}


def spec(**fields: Any) -> dict[str, Any]:
    """A spec that is good unless the fields make it bad."""
    return {"every": "10s", "handler": HANDLER, **fields}


def only(**fields: Any) -> dict[str, Any]:
    """A spec with no time to run but the given one."""
    return {"handler": HANDLER, **fields}


def http(**fields: Any) -> dict[str, Any]:
    """A handler that makes a request."""
    return {"http": {"url": "https://example.com/", **fields}}


def nested(levels: int) -> Any:
    """A list in a list in a list."""
    value: Any = 0
    for _ in range(levels):
        value = [value]
    return value


def batch(**job: Any) -> dict[str, Any]:
    """A spec with a Job of one container, unless the fields make it bad."""
    pod = {"containers": [{"name": "main", "image": "busybox:1"}]}
    return spec(handler={"job": {"template": {"spec": {"template": {"spec": pod}}}, **job}})


def pods(**pod: Any) -> dict[str, Any]:
    """The same with fields of the Pod."""
    return batch(template={"spec": {"template": {"spec": {"containers": [{"name": "a", "image": "b"}], **pod}}}})


def resource(**fields: Any) -> dict[str, Any]:
    """A spec with a custom resource, unless the fields make it bad."""
    template = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow"}
    block = {"template": template, "success": 'object.status.phase == "Succeeded"', **fields}
    return spec(handler={"workflow": {"resource": block}})


# judged by CEL: the API server answers in the words of Invalid.instead
WORDED: dict[str, tuple[dict[str, Any], str]] = {
    "two-times": (spec(schedule="* * * * *"), "spec"),
    "three-times": (spec(schedule="* * * * *", runAt="2026-12-24T18:00:00Z"), "spec"),
    "four-fields": (only(schedule="* * * *"), "spec.schedule"),
    "seven-fields": (only(schedule="* * * * * * *"), "spec.schedule"),
    "command-in-schedule": (only(schedule="0 5 * * * /bin/true>log"), "spec.schedule"),
    "empty-schedule": (only(schedule=""), "spec.schedule"),
    "unknown-macro": (only(schedule="@often"), "spec.schedule"),
    "every-in-schedule": (only(schedule="@every 5m"), "spec.schedule"),
    "every-with-a-point": (only(schedule="@every 1.5h"), "spec.schedule"),
    "every-in-two-words": (only(schedule=" @every  1h 5m"), "spec.schedule"),
    "every-without-a-number": (only(schedule="@every"), "spec.schedule"),
    "everyday": (only(schedule="@everyday"), "spec.schedule"),
    "zone-in-schedule": (only(schedule="CRON_TZ=Asia/Tokyo * * * * *"), "spec.schedule"),
    "zone-alone": (only(schedule="TZ=UTC"), "spec.schedule"),
    "schedule-and-schedules": (only(schedule="@daily", schedules=["@hourly"]), "spec"),
    "rrule-and-every": (spec(rrule="FREQ=DAILY"), "spec"),
    "four-fields-in-a-list": (only(schedules=["@daily", "* * * *"]), "spec.schedules[1]"),
    "every-in-a-list": (only(schedules=["@every 90s"]), "spec.schedules[0]"),
    "rrule-in-words": (only(rrule="every second Monday"), "spec.rrule"),
    "rrule-of-no-frequency": (only(rrule="FREQ=OFTEN"), "spec.rrule"),
    "zone-is-a-path": (only(schedule="@daily", timeZone="../../etc/passwd"), "spec.timeZone"),
    "zone-with-every": (spec(timeZone="UTC"), "spec.timeZone"),
    "zone-with-run-at": (only(runAt="2026-12-24T18:00:00Z", timeZone="UTC"), "spec.timeZone"),
    "zone-on-demand": (only(timeZone="UTC"), "spec.timeZone"),
    "dst-with-every": (spec(dst={"gap": "Skip"}), "spec.dst"),
    "not-before-with-run-at": (
        only(runAt="2026-12-24T18:00:00Z", notBefore="2026-12-24T18:00:00Z"),
        "spec.notBefore",
    ),
    "not-after-with-run-at": (only(runAt="2026-12-24T18:00:00Z", notAfter="2026-12-25T18:00:00Z"), "spec.notAfter"),
    "not-after-on-demand": (only(notAfter="2026-12-24T18:00:00Z"), "spec.notAfter"),
    "not-after-in-words": (spec(notAfter="Christmas"), "spec.notAfter"),
    "window-ends-first": (
        spec(notBefore="2026-12-24T18:00:00Z", notAfter="2026-12-24T18:59:59+01:00"),
        "spec.notAfter",
    ),
    "window-of-nothing": (spec(notBefore="2026-12-24T18:00:00Z", notAfter="2026-12-24T18:00:00.000Z"), "spec.notAfter"),
    "exclude-with-run-at": (only(runAt="2026-12-24T18:00:00Z", exclude=["2026-12-24"]), "spec.exclude"),
    "exclude-in-words": (spec(exclude=["2026-12-24", "Christmas"]), "spec.exclude[1]"),
    "exclude-an-instant": (spec(exclude=["2026-12-24T18:00:00Z"]), "spec.exclude[0]"),
    "exclude-ends-first": (spec(exclude=["2027-01-02/2026-12-24"]), "spec.exclude[0]"),
    "jitter-with-run-at": (only(runAt="2026-12-24T18:00:00Z", jitter="1s"), "spec.jitter"),
    "jitter-on-demand": (only(jitter="1s"), "spec.jitter"),
    "jitter-longer-than-every": (only(every="90s", jitter="1m31s"), "spec.jitter"),
    "jitter-too-long": (only(schedule="@yearly", jitter="1d1ms"), "spec.jitter"),
    "end-after-nothing": (spec(endAfter={}), "spec.endAfter"),
    "end-after-with-run-at": (only(runAt="2026-12-24T18:00:00Z", endAfter={"runs": 1}), "spec.endAfter"),
    "limit-with-allow": (spec(concurrencyPolicy="Allow", maxConcurrent=2), "spec.maxConcurrent"),
    "limit-without-policy": (spec(maxConcurrent=1), "spec.maxConcurrent"),
    "line-without-queue": (spec(concurrencyPolicy="Forbid", maxQueued=5), "spec.maxQueued"),
    "group-with-capitals": (spec(concurrencyGroup={"name": "Database"}), "spec.concurrencyGroup.name"),
    "anchor-with-schedule": (only(schedule="@daily", anchor="2026-12-24T18:00:00Z"), "spec.anchor"),
    "anchor-is-a-word": (spec(anchor="now"), "spec.anchor"),
    "run-at-a-word": (only(runAt="tomorrow"), "spec.runAt"),
    "no-such-hour": (only(runAt="2026-02-20T25:00:00Z"), "spec.runAt"),
    "no-such-month": (only(runAt="2026-13-20T00:00:00Z"), "spec.runAt"),
    "run-at-without-offset": (only(runAt="2026-12-24T18:00:00"), "spec.runAt"),
    "every-negative": (only(every="-5s"), "spec.every"),
    "every-zero": (only(every="0s"), "spec.every"),
    "every-too-short": (only(every="999ms"), "spec.every"),
    "every-too-long": (only(every="366d1ms"), "spec.every"),
    "every-in-words": (only(every="5 minutes"), "spec.every"),
    "every-without-unit": (only(every="5"), "spec.every"),
    "every-absurd": (only(every="9999999999d9999999999d"), "spec.every"),
    "every-endless": (only(every="99999999999999999999h"), "spec.every"),
    "timeout-zero": (spec(timeout="0s"), "spec.timeout"),
    "timeout-too-long": (spec(timeout="7d1s"), "spec.timeout"),
    "deadline-too-short": (spec(startingDeadline="5ms"), "spec.startingDeadline"),
    "window-too-long": (spec(catchUp={"window": "31d"}), "spec.catchUp.window"),
    "max-age-too-short": (spec(history={"maxAge": "1s"}), "spec.history.maxAge"),
    "backoff-too-long": (spec(retry={"backoff": {"initial": "2d"}}), "spec.retry.backoff.initial"),
    "backoff-falls": (spec(retry={"backoff": {"initial": "1m", "max": "59s"}}), "spec.retry.backoff.max"),
    "nothing-to-execute": (spec(handler={}), "spec.handler"),
    "two-things-to-execute": (spec(handler={**HANDLER, **http()}), "spec.handler"),
    "url-of-ftp": (spec(handler=http(url="ftp://example.com/")), "spec.handler.http.url"),
    "url-without-scheme": (spec(handler=http(url="example.com/")), "spec.handler.http.url"),
    "url-of-an-expression": (spec(handler=http(url="${payload.url}")), "spec.handler.http.url"),
    "url-not-in-ascii": (spec(handler=http(url="https://example.com/straße")), "spec.handler.http.url"),
    "header-host": (spec(handler=http(headers={"Host": "other"})), "spec.handler.http.headers"),
    "header-of-the-framing": (spec(handler=http(headers={"content-LENGTH": "5"})), "spec.handler.http.headers"),
    "header-of-ours": (spec(handler=http(headers={"Idempotency-Key": "5"})), "spec.handler.http.headers"),
    "header-of-our-family": (spec(handler=http(headers={"kronstream-anything": "5"})), "spec.handler.http.headers"),
    "header-with-a-blank": (spec(handler=http(headers={"X Y": "5"})), "spec.handler.http.headers"),
    "header-from-host": (
        spec(handler=http(headersFrom=[{"name": "Host", "secretKeyRef": {"name": "s", "key": "k"}}])),
        "spec.handler.http.headersFrom[0].name",
    ),
    "secret-in-capitals": (
        spec(handler=http(headersFrom=[{"name": "Authorization", "secretKeyRef": {"name": "S", "key": "k"}}])),
        "spec.handler.http.headersFrom[0].secretKeyRef.name",
    ),
    "secret-key-is-a-path": (
        spec(handler=http(signature={"secretKeyRef": {"name": "s", "key": "../k"}})),
        "spec.handler.http.signature.secretKeyRef.key",
    ),
    "body-with-get": (spec(handler=http(method="GET", body="x")), "spec.handler.http.body"),
    "status-of-an-information": (spec(handler=http(successCodes=[100])), "spec.handler.http.successCodes[0]"),
    "status-of-no-class": (spec(handler=http(successCodes=["2xx", "2x"])), "spec.handler.http.successCodes[1]"),
    "tls-without-https": (
        spec(handler=http(url="http://example.com", tls={"insecureSkipVerify": True})),
        "spec.handler.http.tls",
    ),
    "tls-of-both-kinds": (
        spec(handler=http(tls={"insecureSkipVerify": True, "caSecretRef": {"name": "s", "key": "k"}})),
        "spec.handler.http.tls",
    ),
    "name-is-code": (spec(handler={"function": {"name": "os.system('id')"}}), "spec.handler.function.name"),
    "memory-in-words": (
        spec(handler={"function": {"name": "echo", "memory": "a lot"}}),
        "spec.handler.function.memory",
    ),
    "memory-too-little": (
        spec(handler={"function": {"name": "echo", "memory": "16777215"}}),
        "spec.handler.function.memory",
    ),
    "memory-too-much": (
        spec(handler={"function": {"name": "echo", "memory": "999999999999999T"}}),
        "spec.handler.function.memory",
    ),
    "memory-of-another-unit": (
        spec(handler={"function": {"name": "echo", "memory": "256MB"}}),
        "spec.handler.function.memory",
    ),
    "cpu-time-too-short": (
        spec(handler={"function": {"name": "echo", "cpuTime": "999ms"}}),
        "spec.handler.function.cpuTime",
    ),
    "name-empty": (spec(handler={"function": {"name": ""}}), "spec.handler.function.name"),
    "queue-with-blank": (spec(queue="my queue"), "spec.queue"),
    "queue-with-braces": (spec(queue="{x}"), "spec.queue"),
    "queue-ends-badly": (spec(queue="x-"), "spec.queue"),
    "two-handlers": (spec(handler={**HANDLER, **batch()["handler"]}), "spec.handler"),
    "workflow-of-nothing": (spec(handler={"workflow": {}}), "spec.handler.workflow"),
    "deleted-after-two-times": (
        batch(
            deleteAfter={"failed": "1h"},
            template={
                "spec": {
                    "ttlSecondsAfterFinished": 60,
                    "template": {"spec": {"containers": [{"name": "a", "image": "b"}]}},
                }
            },
        ),
        "spec.handler.job.deleteAfter",
    ),
    "kept-for-a-year": (batch(deleteAfter={"succeeded": "366d"}), "spec.handler.job.deleteAfter.succeeded"),
}

# judged by the schema: the API server has its own words
BOUNDED: dict[str, tuple[dict[str, Any], str]] = {
    "handler-missing": ({"every": "10s"}, "spec.handler"),
    "name-missing": (spec(handler={"function": {}}), "spec.handler.function.name"),
    "url-missing": (spec(handler={"http": {}}), "spec.handler.http.url"),
    "url-too-long": (spec(handler=http(url="https://example.com/" + "x" * 2_048)), "spec.handler.http.url"),
    "method-unknown": (spec(handler=http(method="TRACE")), "spec.handler.http.method"),
    "method-in-small-letters": (spec(handler=http(method="post")), "spec.handler.http.method"),
    "headers-too-many": (
        spec(handler=http(headers={f"x-{number}": "" for number in range(33)})),
        "spec.handler.http.headers",
    ),
    "header-too-long": (spec(handler=http(headers={"X-A": "x" * 4_097})), "spec.handler.http.headers.X-A"),
    "header-a-number": (spec(handler=http(headers={"X-A": 5})), "spec.handler.http.headers.X-A"),
    "header-from-twice": (
        spec(handler=http(headersFrom=[{"name": "X-A", "secretKeyRef": {"name": "s", "key": "k"}}] * 2)),
        "spec.handler.http.headersFrom[1]",
    ),
    "header-from-nothing": (
        spec(handler=http(headersFrom=[{"name": "X-A"}])),
        "spec.handler.http.headersFrom[0].secretKeyRef",
    ),
    "body-too-long": (spec(handler=http(body="x" * 65_537)), "spec.handler.http.body"),
    "statuses-none": (spec(handler=http(successCodes=[])), "spec.handler.http.successCodes"),
    "statuses-too-many": (spec(handler=http(successCodes=list(range(200, 217)))), "spec.handler.http.successCodes"),
    "redirects-everywhere": (spec(handler=http(followRedirects="Always")), "spec.handler.http.followRedirects"),
    "accepted-never": (spec(handler=http(accepted="Never")), "spec.handler.http.accepted"),
    "schedule-too-long": (only(schedule="1," * 150 + "1 * * * *"), "spec.schedule"),
    "schedules-empty": (only(schedules=[]), "spec.schedules"),
    "schedules-twice": (only(schedules=["@daily", "@daily"]), "spec.schedules[1]"),
    "schedules-too-many": (only(schedules=[f"{minute} * * * *" for minute in range(17)]), "spec.schedules"),
    "schedules-a-text": (only(schedules="@daily"), "spec.schedules"),
    "rrule-too-long": (only(rrule="FREQ=DAILY;BYHOUR=" + "1," * 491 + "1"), "spec.rrule"),
    "gap-unknown": (only(schedule="@daily", dst={"gap": "Wait"}), "spec.dst.gap"),
    "repeat-unknown": (only(schedule="@daily", dst={"repeat": "Second"}), "spec.dst.repeat"),
    "exclude-twice": (spec(exclude=["2026-12-24", "2026-12-24"]), "spec.exclude[1]"),
    "exclude-too-many": (
        spec(exclude=[f"{minute} {hour} * * *" for hour in (1, 2) for minute in range(33)]),
        "spec.exclude",
    ),
    "end-after-none": (spec(endAfter={"runs": 0}), "spec.endAfter.runs"),
    "end-after-too-many": (spec(endAfter={"successes": 1_000_000_001}), "spec.endAfter.successes"),
    "limit-zero": (spec(concurrencyPolicy="Forbid", maxConcurrent=0), "spec.maxConcurrent"),
    "line-too-long": (spec(concurrencyPolicy="Queue", maxQueued=1_001), "spec.maxQueued"),
    "group-without-name": (spec(concurrencyGroup={"max": 2}), "spec.concurrencyGroup.name"),
    "group-of-none": (spec(concurrencyGroup={"name": "database", "max": 0}), "spec.concurrencyGroup.max"),
    "condition-empty": (spec(runIf=""), "spec.runIf"),
    "condition-too-long": (spec(runIf="true || " * 128 + "true"), "spec.runIf"),
    "hold-after-none": (spec(suspendAfterFailures=0), "spec.suspendAfterFailures"),
    "every-a-number": (only(every=5), "spec.every"),
    "run-at-a-number": (only(runAt=1_800_000_000), "spec.runAt"),
    "suspend-a-text": (spec(suspend="yes"), "spec.suspend"),
    "limit-negative": (spec(retry={"limit": -1}), "spec.retry.limit"),
    "limit-too-large": (spec(retry={"limit": 101}), "spec.retry.limit"),
    "limit-a-text": (spec(retry={"limit": "3"}), "spec.retry.limit"),
    "limit-a-fraction": (spec(retry={"limit": 1.5}), "spec.retry.limit"),
    "factor-falls": (spec(retry={"backoff": {"factor": 0.5}}), "spec.retry.backoff.factor"),
    "jitter-too-large": (spec(retry={"backoff": {"jitter": 1.1}}), "spec.retry.backoff.jitter"),
    "max-runs-zero": (spec(catchUp={"maxRuns": 0}), "spec.catchUp.maxRuns"),
    "policy-unknown": (spec(catchUp={"policy": "Some"}), "spec.catchUp.policy"),
    "catch-up-a-text": (spec(catchUp="All"), "spec.catchUp"),
    "backlog-zero": (spec(maxBacklog=0), "spec.maxBacklog"),
    "concurrency-unknown": (spec(concurrencyPolicy="Wait"), "spec.concurrencyPolicy"),
    "priority-unknown": (spec(priority="urgent"), "spec.priority"),
    "display-name-empty": (spec(displayName=""), "spec.displayName"),
    "platform-too-long": (spec(platformId="x" * 64), "spec.platformId"),
    "tag-empty": (spec(tags=["good", ""]), "spec.tags[1]"),
    "tag-twice": (spec(tags=["a", "b", "a"]), "spec.tags[2]"),
    "tags-a-text": (spec(tags="a"), "spec.tags"),
    "tags-too-many": (spec(tags=[str(number) for number in range(65)]), "spec.tags"),
    "history-too-long": (spec(history={"failed": 10_001}), "spec.history.failed"),
    "payload-a-large-text": (spec(payload="x" * 65_537), "spec.payload"),
    "payload-with-a-large-text": (spec(payload={"blob": "x" * 65_537}), "spec.payload"),
    "payload-with-many-items": (spec(payload={"list": [0] * 32_769}), "spec.payload"),
    "job-without-template": (spec(handler={"job": {}}), "spec.handler.job.template"),
    "job-without-spec": (batch(template={"metadata": {}}), "spec.handler.job.template.spec"),
    "no-containers": (pods(containers=[]), "spec.handler.job.template.spec.template.spec.containers"),
    "container-without-image": (
        pods(containers=[{"name": "a", "image": "b"}, {"name": "c"}]),
        "spec.handler.job.template.spec.template.spec.containers[1]",
    ),
    "restart-always": (pods(restartPolicy="Always"), "spec.handler.job.template.spec.template.spec.restartPolicy"),
    "label-a-number": (
        batch(template={"metadata": {"labels": {"n": 1}}, "spec": batch()["handler"]["job"]["template"]["spec"]}),
        "spec.handler.job.template.metadata.labels.n",
    ),
    "log-tail-too-long": (batch(logTail=1_001), "spec.handler.job.logTail"),
    "resource-without-kind": (
        resource(template={"apiVersion": "argoproj.io/v1alpha1"}),
        "spec.handler.workflow.resource.template.kind",
    ),
    "success-empty": (resource(success=""), "spec.handler.workflow.resource.success"),
    "success-too-long": (resource(success="true || " * 128 + "true"), "spec.handler.workflow.resource.success"),
    "cleanup-unknown": (resource(cleanup="Sometimes"), "spec.handler.workflow.resource.cleanup"),
}

# beyond the schema: the API server accepts them, the operator tells in the status
BEYOND: dict[str, tuple[dict[str, Any], str]] = {
    "no-such-day": (only(runAt="2026-02-30T00:00:00Z"), "spec.runAt"),
    "window-begins-on-no-day": (
        spec(notBefore="2026-02-30T00:00:00Z", notAfter="2026-12-24T18:00:00Z"),
        "spec.notBefore",
    ),
    "window-ends-first-on-a-leap-day": (
        spec(notBefore="2028-02-29T00:00:00Z", notAfter="2028-02-28T00:00:00Z"),
        "spec.notAfter",
    ),
    "before-1970": (only(runAt="1969-12-31T23:59:59Z"), "spec.runAt"),
    "payload-sum-too-large": (spec(payload={"a": "x" * 40_000, "b": "x" * 40_000}), "spec.payload"),
    "payload-too-deep": (spec(payload=nested(33)), "spec.payload"),
    "template-too-large": (pods(x="x" * 70_000), "spec.handler.job.template"),
    "template-too-deep": (pods(x=nested(33)), "spec.handler.job.template"),
    "resource-of-the-core": (
        resource(template={"apiVersion": "batch/v1", "kind": "Job"}),
        "spec.handler.workflow.resource.template.apiVersion",
    ),
    "resource-with-status": (
        resource(template={"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "status": {}}),
        "spec.handler.workflow.resource.template.status",
    ),
}

# what only the engine can judge: the operator and `kronstream validate` tell it in the same words
JUDGED: dict[str, tuple[dict[str, Any], str]] = {
    "no-such-minute": (only(schedule="61 * * * *"), "spec.schedule"),
    "a-blank-in-a-list": (only(schedule="0 22, 10 * * *"), "spec.schedule"),
    "no-such-weekday": (only(schedule="* * * * blursday"), "spec.schedule"),
    "the-last-weekday-otherwise": (only(schedule="0 9 * * 5L"), "spec.schedule"),
    "bad-hash": (only(schedule="H(30-0) * * * *"), "spec.schedule"),
    "second-of-several": (only(schedules=["@daily", "0 25 * * *"]), "spec.schedules[1]"),
    "unknown-zone": (only(schedule="@daily", timeZone="Europe/Berln"), "spec.timeZone"),
    "city-for-a-zone": (only(schedule="@daily", timeZone="berlin"), "spec.timeZone"),
    "zone-of-a-condition": (only(timeZone="Mars/Olympus", runIf="run.hour > 8"), "spec.timeZone"),
    "rrule-by-seconds": (only(rrule="FREQ=SECONDLY"), "spec.rrule"),
    "rrule-too-many": (only(rrule="FREQ=DAILY;COUNT=100000"), "spec.rrule"),
    "rrule-of-another-zone": (
        only(rrule="DTSTART;TZID=Europe/Rome:20260105T090000\nRRULE:FREQ=DAILY", timeZone="Europe/Berlin"),
        "spec.rrule",
    ),
    "exclude-no-such-day": (only(every="1h", exclude=["2026-02-30"]), "spec.exclude[0]"),
    "exclude-no-such-hour": (only(every="1h", exclude=["2026-12-24", "* 24 * * *"]), "spec.exclude[1]"),
    "jitter-longer-than-the-distance": (only(schedule="*/10 * * * *", jitter="11m"), "spec.jitter"),
    "url-with-a-fragment": (spec(handler=http(url="https://example.com/#a")), "spec.handler.http.url"),
    "url-with-a-password": (spec(handler=http(url="https://u:p@example.com/")), "spec.handler.http.url"),
    "url-with-a-blank": (spec(handler=http(url="https://example.com/a b")), "spec.handler.http.url"),
    "url-that-climbs": (spec(handler=http(url="https://example.com/a/../b")), "spec.handler.http.url"),
    "url-of-a-misspelt-name": (spec(handler=http(url="https://example.com/${job.nam}")), "spec.handler.http.url"),
    "header-of-a-misspelt-name": (
        spec(handler=http(headers={"X-A": "${run.nominl}"})),
        "spec.handler.http.headers.X-A",
    ),
    "body-of-an-open-brace": (spec(handler=http(body="${payload.a")), "spec.handler.http.body"),
    "header-twice": (spec(handler=http(headers={"X-A": "", "x-a": ""})), "spec.handler.http.headers.x-a"),
    "header-in-both": (
        spec(
            handler=http(headers={"X-A": ""}, headersFrom=[{"name": "x-a", "secretKeyRef": {"name": "s", "key": "k"}}])
        ),
        "spec.handler.http.headersFrom[0].name",
    ),
    "key-of-no-payload": (spec(limits=[{"key": "${payload.customer}", "concurrency": 1}]), "spec.limits[0].key"),
    "key-of-a-run": (spec(limits=[{"key": "${run.id}", "concurrency": 1}]), "spec.limits[0].key"),
    "success-of-nothing": (resource(success="phase == 1"), "spec.handler.workflow.resource.success"),
    "failure-by-map": (
        resource(failure="object.status.conditions.map(c, c.status).size() > 0"),
        "spec.handler.workflow.resource.failure",
    ),
    "condition-of-nothing": (only(every="1h", runIf='last.statuz == "failed"'), "spec.runIf"),
}
