"""The contract's samples as they stand: run by curl, answered by the real parts."""

import json
import re
import subprocess
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from eventually import eventually
from integration.calls import Calls
from integration.installation import Installation

CRON = """curl -X POST http://localhost:3051/api/v1/scheduler/jobs/cron -H "Content-Type: application/json" \\
  -d '{"name": "Daily Cleanup", "schedule": "0 2 * * *", "timezone": "America/New_York", "handler_name": "cleanup:old_traces", "handler_type": "function",
       "payload": {"retention_days": 30}, "max_retries": 3, "timeout_ms": 600000, "priority": "medium", "tags": ["cleanup", "maintenance"], "platform_id": "platform-123", "created_by": "admin"}'"""  # noqa: E501
SHORT = """curl -X POST http://localhost:3051/api/v1/scheduler/jobs/cron -H "Content-Type: application/json" \\
  -d '{"name": "Daily Cleanup", "schedule": "0 2 * * *", "handler_name": "cleanup:old_traces", "handler_type": "function", "payload": {"retention_days": 30}, "created_by": "admin"}'"""  # noqa: E501
ONCE = """curl -X POST http://localhost:3051/api/v1/scheduler/jobs/once -H "Content-Type: application/json" \\
  -d '{"name": "Generate Report", "execute_at": "2025-11-23T10:00:00.000Z", "handler_name": "reports:generate", "handler_type": "agent", "payload": {"report_type": "monthly"}, "created_by": "user-123"}'"""  # noqa: E501
LIST = 'curl "http://localhost:3051/api/v1/scheduler/jobs/$JOB/executions?limit=10&status=success"'
MOVE = """curl -X PUT http://localhost:3051/api/v1/scheduler/jobs/$JOB/schedule -H "Content-Type: application/json" -d '{"schedule": "0 3 * * *"}'"""  # noqa: E501
PATH = "/usr/bin:/bin"
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def shell(doored: Installation, command: str, job: str = "") -> Any:
    """What curl prints, as JSON."""
    port = doored.components["api-1"].port
    command = command.replace("localhost:3051", f"localhost:{port}").replace("curl ", "curl -sS --fail-with-body ", 1)
    done = subprocess.run(["bash", "-c", command], env={"JOB": job, "PATH": PATH}, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_a_cron_job_with_everything(doored: Installation) -> None:
    job = shell(doored, CRON)
    told = {
        "name": "Daily Cleanup", "resource_name": "daily-cleanup", "namespace": "default", "type": "cron",
        "status": "active", "schedule": "0 2 * * *", "timezone": "America/New_York",
        "handler_name": "cleanup:old_traces", "handler_type": "function", "payload": {"retention_days": 30},
        "max_retries": 3, "max_attempts": 4, "timeout_ms": 600_000, "priority": "medium",
        "tags": ["cleanup", "maintenance"], "platform_id": "platform-123", "created_by": "admin",
        "executions_count": 0, "success_count": 0, "failure_count": 0, "avg_duration_ms": None,
    }  # fmt: skip
    assert {name: job[name] for name in told} == told
    assert STAMP.fullmatch(job["created_at"])
    assert STAMP.fullmatch(job["updated_at"])
    kept = doored.objects.get({"metadata": {"namespace": "default", "name": "daily-cleanup"}})
    assert (kept["metadata"]["uid"], kept["spec"]["displayName"]) == (job["id"], "Daily Cleanup")


def test_the_short_one_runs_and_its_execution_is_told(doored: Installation) -> None:
    first, second = shell(doored, SHORT), shell(doored, SHORT)
    assert re.fullmatch("daily-cleanup-[0-9a-f]{6}", second["resource_name"])
    with Calls(doored.url()) as calls:
        started = calls.post(f"/jobs/{first['id']}/run")
        assert started.status_code == 201, started.text
        run = started.json()["execution_id"]
        (found,) = eventually(lambda: shell(doored, LIST, first["id"]))
        assert found["id"] == run
        assert (found["status"], found["result"]) == ("success", {"records_cleaned": 1000})
        assert all(STAMP.fullmatch(found[name]) for name in ("scheduled_at", "started_at", "completed_at"))
        assert found["duration_ms"] >= 0
        assert found["worker_id"] == "worker-1"
        assert calls.get(f"/executions/{run}").json() == found


def test_a_one_time_job_of_the_past_runs_now(doored: Installation) -> None:
    job = shell(doored, ONCE)
    assert (job["type"], job["handler_type"], job["handler_name"]) == ("once", "agent", "reports:generate")
    late = datetime.now(UTC) - datetime.fromisoformat(job["execute_at"])
    assert timedelta(0) <= late < timedelta(seconds=60), "the past became the present"

    def dispatched() -> httpx.Response | None:
        answer = httpx.get(f"{doored.url()}/jobs/{job['id']}/executions")
        return answer if answer.json() else None

    (run,) = eventually(dispatched).json()
    assert (run["trigger"], run["scheduled_at"]) == ("schedule", job["execute_at"])

    def orders() -> set[str]:
        return {fields.get("name", "") for _, fields in doored.redis.xrange("stream:agents:dispatch")}

    eventually(lambda: "reports:generate" in orders())


def test_another_schedule(doored: Installation) -> None:
    job = shell(doored, CRON)
    moved = shell(doored, MOVE, job["id"])
    assert (moved["schedule"], moved["timezone"], moved["id"]) == ("0 3 * * *", "America/New_York", job["id"])
    kept = doored.objects.get({"metadata": {"namespace": "default", "name": job["resource_name"]}})
    assert kept["spec"]["schedule"] == "0 3 * * *"
