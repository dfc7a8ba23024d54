"""Jobs whose handler is http: a real API server, operator, worker and receiver; Secrets by the job's own rights."""

import asyncio
import base64
import json
import signal
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from eventually import eventually
from integration.httphook import Call, Hook, Reply
from integration.installation import Installation
from integration.objects import Object, condition, ready, scheduled
from kronstream.dev.controlplane import ControlPlane
from kronstream.domain.run import Reason, State
from kronstream.ports import Completion, Execution
from kronstream.settings import DEFAULT_GROUP
from kronstream.streams.connection import connect
from kronstream.streams.externals import RedisExternals
from kronstream.worker.http.signature import signed

API = "https://kronstream.example/api/v1/scheduler"
KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ENVIRON = {"KRONSTREAM_HTTP_ALLOW": "127.0.0.0/8", "KRONSTREAM_CALLBACK_URL": API}


@pytest.fixture(scope="module")
def requesting_installation() -> Iterator[Installation]:
    """One operator and one worker that may send to loopback."""
    with ControlPlane() as plane, Installation(plane, operators=1, workers=1, environ=ENVIRON) as installation:
        yield installation


@pytest.fixture
def requesting(requesting_installation: Installation) -> Iterator[Installation]:
    yield requesting_installation
    requesting_installation.clear()
    complaints = requesting_installation.complaints()
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook() as hook:
        yield hook


def job(name: str, hook: Hook, *, spec: dict[str, Any] | None = None, **http: Any) -> Object:
    """A job that makes a request, once a request for it is made, unless its spec says when."""
    made = scheduled(name, **(spec or {}))
    made["spec"]["handler"] = {"http": {"url": f"{hook.url}/hook", **http}}
    return made


def run(installation: Installation, job: Object, key: str = "1") -> str:
    """Ask for a run of a job; its id."""
    job = installation.wait(job, ready)
    return installation.ask(lambda service: service.runs.run_now(job["metadata"]["uid"], key)).run


def record(installation: Installation, job: Object, run: str) -> Execution | None:
    return next((each for each in installation.records(job) if each.id == run), None)


def over(installation: Installation, job: Object, run: str, within: float = 15) -> Execution:
    """The record of a run once it is over."""

    def ended() -> Execution | None:
        found = record(installation, job, run)
        return found if found is not None and found.state.terminal else None

    found = eventually(
        ended, within, because=f"{record(installation, job, run)}\n{installation.log('worker-1')[-3000:]}"
    )
    assert found is not None
    return found


def complete(installation: Installation, run: str, token: str, completion: Completion) -> bool:
    """What the API will do when somebody calls back."""

    async def told() -> bool:
        redis = connect(installation.plane.redis_url)
        try:
            return await RedisExternals(redis, installation.keys, DEFAULT_GROUP).complete(run, token, completion)
        finally:
            await redis.aclose()

    return asyncio.run(told())


def test_a_run_makes_a_request_and_keeps_the_answer(requesting: Installation, hook: Hook) -> None:
    hook.reply = lambda call: Reply(201, '{"rows": 3}', {"Content-Type": "application/json", "Location": "/orders/7"})
    (made,) = requesting.apply(
        job(
            "posts", hook, spec={"every": "1s", "payload": {"id": "a/b"}, "platformId": "acme"},
            url=f"{hook.url}/jobs/${{payload.id}}?at=${{run.nominal}}", headers={"X-Job": "${job.name}"},
        )
    )  # fmt: skip
    requesting.wait(made, lambda found: found["status"]["runs"]["succeeded"] >= 2, within=15)

    first, second, *_ = requesting.records(made)
    assert first.result == {
        "status": 201, "headers": {"content-type": "application/json", "location": "/orders/7"}, "body": {"rows": 3},
    }  # fmt: skip
    assert f"POST {hook.url}/jobs/a%2Fb?at=…: 201 Created, 11 bytes in " in first.output
    call, other, *_ = hook.calls
    assert (call.method, call.json, call.headers["x-job"]) == ("POST", {"id": "a/b"}, "posts")
    assert {call.headers["idempotency-key"], other.headers["idempotency-key"]} == {first.id, second.id}
    stamp = call.headers["kronstream-nominal-time"]
    assert call.target == f"/jobs/a%2Fb?at={stamp.replace(':', '%3A')}"


def test_a_failure_is_told_and_tried_again_when_the_receiver_says(requesting: Installation, hook: Hook) -> None:
    replies = [Reply(503, "busy", {"Retry-After": "1"}), Reply(200, "done")]
    hook.reply = lambda call: replies.pop(0) if len(replies) > 1 else replies[0]
    (made,) = requesting.apply(job("retried", hook, spec={"retry": {"backoff": {"initial": "1h", "max": "1h"}}}))

    found = over(requesting, made, run(requesting, made))

    assert (found.state, found.result["body"]) == (State.SUCCESS, "done")
    first, second = hook.calls
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"] == found.id
    assert [call.headers["kronstream-attempt"] for call in hook.calls] == ["1", "2"]
    assert first.headers["traceparent"][:36] == second.headers["traceparent"][:36]


def test_what_no_attempt_can_mend_ends_the_run(requesting: Installation, hook: Hook) -> None:
    hook.reply = lambda call: Reply(404, "no such hook")
    (made,) = requesting.apply(job("gone", hook))

    found = over(requesting, made, run(requesting, made))

    assert (found.state, found.reason, len(hook.calls)) == (State.FAILED, Reason.PERMANENT, 1)
    assert found.error is not None
    assert found.error["message"] == f"404 Not Found from {hook.url}/hook: no such hook"
    told = requesting.wait(made, lambda job: job["status"]["runs"]["failed"] == 1)
    assert "404 Not Found" in told["status"]["lastRun"]["message"]


def test_a_secret_is_read_by_the_rights_of_the_jobs_service_account(requesting: Installation, hook: Hook) -> None:
    objects = requesting.objects
    data = {"token": base64.b64encode(b"Bearer hunter2").decode(), "key": base64.b64encode(KEY.encode()).decode()}
    objects.send("POST", "/api/v1/namespaces/default/secrets", {"metadata": {"name": "hook"}, "data": data})
    objects.send("POST", "/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "reporter"}})
    (made,) = requesting.apply(
        job(
            "secret", hook, spec={"serviceAccountName": "reporter", "retry": {"limit": 0}, "payload": [1]},
            headersFrom=[{"name": "Authorization", "secretKeyRef": {"name": "hook", "key": "token"}}],
            signature={"secretKeyRef": {"name": "hook", "key": "key"}},
        )
    )  # fmt: skip

    refused = over(requesting, made, run(requesting, made, "1"))
    assert (refused.state, hook.calls) == (State.FAILED, [])
    assert refused.error is not None
    assert refused.error["type"] == "SecretForbidden"
    assert (
        "the Secret default/hook cannot be read: the job's service account reporter may not" in refused.error["message"]
    )

    rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/default"
    rule = {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["hook"], "verbs": ["get"]}
    objects.send("POST", f"{rbac}/roles", {"metadata": {"name": "read-hook"}, "rules": [rule]})
    binding = {
        "metadata": {"name": "read-hook"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "read-hook"},
        "subjects": [{"kind": "ServiceAccount", "name": "reporter", "namespace": "default"}],
    }
    objects.send("POST", f"{rbac}/rolebindings", binding)

    numbers = count()

    def allowed() -> Execution | None:  # the API server's own look at its rules lags behind them
        found = over(requesting, made, run(requesting, made, f"again-{next(numbers)}"))
        return found if found.state is State.SUCCESS else None

    found = eventually(allowed, within=15)
    assert found is not None
    (call,) = hook.calls
    assert call.headers["authorization"] == "Bearer hunter2"
    wanted = signed(KEY, found.id, int(call.headers["webhook-timestamp"]), call.body)
    assert {name: call.headers[name] for name in wanted} == wanted
    kept = json.dumps([repr(each) for each in requesting.records(made)])
    assert "hunter2" not in kept + requesting.log("worker-1") + json.dumps(objects.get(made))


def test_a_secret_that_is_not_there(requesting: Installation, hook: Hook) -> None:
    ref = {"name": "nowhere", "key": "token"}
    (made,) = requesting.apply(
        job("missing", hook, spec={"retry": {"limit": 0}}, headersFrom=[{"name": "X-Token", "secretKeyRef": ref}])
    )

    found = over(requesting, made, run(requesting, made))

    assert found.error is not None
    assert found.error["type"] in ("SecretForbidden", "SecretMissing")  # who may not read may not know either
    assert "the Secret default/nowhere" in found.error["message"]


def test_the_attempts_timeout_closes_the_connection(requesting: Installation, hook: Hook) -> None:
    hook.reply = lambda call: Reply(hold=True)
    (made,) = requesting.apply(job("slow", hook, spec={"timeout": "4s", "retry": {"limit": 0}}))

    found = over(requesting, made, run(requesting, made))

    assert (found.state, found.reason) == (State.FAILED, Reason.TIMEOUT)
    (call,) = eventually(lambda: hook.calls)
    assert call.gone.wait(20)


def test_work_that_goes_on_is_ended_by_its_token(requesting: Installation, hook: Hook) -> None:
    hook.reply = lambda call: Reply(202)
    (made,) = requesting.apply(job("accepted", hook, accepted="Callback"))
    asked = run(requesting, made)
    eventually(lambda: hook.calls)
    (call,) = hook.calls
    eventually(lambda: requesting.pending() == 0)  # the worker holds it no more

    found = record(requesting, made, asked)
    assert found is not None
    assert found.state is State.RUNNING
    assert call.headers["kronstream-run"] == asked
    assert call.headers["kronstream-callback"] == f"{API}/executions/{asked}/complete"
    token = call.headers["kronstream-token"]
    assert not complete(requesting, asked, f"{token}x", Completion(result="1"))
    assert complete(requesting, asked, token, Completion(result='{"rows":3}'))

    found = over(requesting, made, asked)
    assert (found.state, found.result) == (State.SUCCESS, {"rows": 3})
    assert token not in requesting.log("worker-1")


def test_after_a_crash_the_receiver_is_asked_again_with_the_same_run_and_token(
    requesting: Installation, hook: Hook
) -> None:
    def reply(call: Call) -> Reply:
        return Reply(hold=True) if len(hook.calls) == 1 else Reply(202)

    hook.reply = reply
    (made,) = requesting.apply(
        job("crashed", hook, accepted="Callback", spec={"retry": {"backoff": {"initial": "0s"}}})
    )
    asked = run(requesting, made)
    eventually(lambda: hook.calls)

    requesting.allow(r"the loop process|ended with signal")
    requesting.stop("worker-1", number=signal.SIGKILL)
    requesting.start("worker-1")

    eventually(lambda: len(hook.calls) == 2, within=40)
    first, second = hook.calls
    for name in ("kronstream-run", "idempotency-key", "kronstream-token", "kronstream-attempt", "traceparent"):
        assert first.headers[name] == second.headers[name]
    token = second.headers["kronstream-token"]
    assert (first.headers["kronstream-run"], first.headers["kronstream-attempt"]) == (asked, "1")
    eventually(lambda: complete(requesting, asked, token, Completion(result="1")))
    assert over(requesting, made, asked).state is State.SUCCESS


@pytest.mark.parametrize(
    ("name", "http", "field", "says"),
    [
        ("url", {"url": "https://example.com/${payload.id"}, "spec.handler.http.url", "has no closing brace"),
        ("header", {"headers": {"X-A": "${run.idd}"}}, "spec.handler.http.headers.X-A", "write run.id"),
        ("body", {"body": "${run.id + 1}"}, "spec.handler.http.body", "no matching overload"),
    ],
)
def test_a_bad_template_stalls_the_job_and_names_its_field(
    requesting: Installation, hook: Hook, name: str, http: dict[str, Any], field: str, says: str
) -> None:
    (made,) = requesting.apply(job(f"bad-{name}", hook, spec={"every": "1s"}, **http))

    made = requesting.wait(made, lambda found: condition(found, "Stalled").get("status") == "True")

    told = condition(made, "Stalled")
    assert told["reason"] == "InvalidSpec"
    assert field in told["message"]
    assert says in told["message"]
    assert "nextRunTime" not in made["status"]


def test_without_the_setting_a_private_address_is_refused(installation: Installation, hook: Hook) -> None:
    (made,) = installation.apply(job("inward", hook))

    found = over(installation, made, run(installation, made))

    assert (found.state, found.reason, hook.calls) == (State.FAILED, Reason.PERMANENT, [])
    assert found.error is not None
    assert found.error["type"] == "AddressRefused"
    assert "127.0.0.1 is a loopback address" in found.error["message"]
    assert "KRONSTREAM_HTTP_ALLOW=127.0.0.1/32" in found.error["message"]
