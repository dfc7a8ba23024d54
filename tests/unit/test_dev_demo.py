"""What the demo prints, and when it counts as a success."""

import io
from typing import Any

from kronstream.dev.console import Console
from kronstream.dev.demo import Demo


class Api:
    """Answers a list of jobs, or nothing."""

    def __init__(self, *jobs: dict[str, Any]) -> None:
        self.jobs: list[dict[str, Any]] | None = list(jobs)

    def json(self, path: str) -> dict[str, Any] | None:
        return None if self.jobs is None else {"items": self.jobs}


def job(run: str = "", status: str = "success", succeeded: int = 0, failed: int = 0, **more: Any) -> dict[str, Any]:
    state: dict[str, Any] = {"runs": {"succeeded": succeeded, "failed": failed}}
    if run:
        state["lastRun"] = {"id": run, "status": status, "startedAt": "2026-01-02T03:04:05Z", "durationMs": 7, **more}
        state["nextRunTime"] = "2026-01-02T03:05:00Z"
    return {"metadata": {"uid": "u", "namespace": "default", "name": "hello"}, "status": state}


def demo(api: Api) -> tuple[Demo, io.StringIO]:
    output = io.StringIO()
    return Demo(api, Console(output)), output  # type: ignore[arg-type]


def test_each_run_is_one_line() -> None:
    api = Api(job())
    shown, output = demo(api)
    api.jobs = [job("u/s/1", succeeded=1)]

    shown.look()
    shown.look()

    (line,) = output.getvalue().splitlines()
    assert line.split() == [
        "03:04:05",
        "default/hello",
        "success",
        "7",
        "ms",
        "1",
        "ok,",
        "0",
        "failed",
        "next",
        "03:05:00",
    ]
    assert shown.succeeded == 1


def test_a_run_is_shown_when_it_is_over() -> None:
    api = Api(job())
    shown, output = demo(api)

    api.jobs = [job("u/s/1", status="running")]
    shown.look()
    assert output.getvalue() == ""
    api.jobs = [job("u/s/1", status="failed", failed=1, message="disk full")]
    shown.look()

    assert "failed" in output.getvalue()
    assert "disk full" in output.getvalue()
    assert shown.succeeded == 0


def test_runs_between_two_looks_are_counted() -> None:
    api = Api(job("u/s/1", succeeded=1))
    shown, output = demo(api)
    api.jobs = [job("u/s/4", succeeded=4)]

    shown.look()

    assert "(and 2 more before it)" in output.getvalue()
    assert shown.succeeded == 3


def test_what_ran_in_an_earlier_session_does_not_count() -> None:
    shown, output = demo(Api(job("u/s/9", succeeded=9)))

    shown.look()

    assert shown.succeeded == 0
    assert output.getvalue() == ""


def test_an_api_server_that_is_away_is_waited_for() -> None:
    api = Api(job())
    shown, _ = demo(api)
    api.jobs = [job("u/s/1", succeeded=1)]
    shown.look()
    api.jobs = None
    shown.look()

    assert shown.succeeded == 1


def test_a_job_without_a_status_is_no_error() -> None:
    api = Api({"metadata": {"uid": "u", "namespace": "default", "name": "new"}})
    shown, output = demo(api)

    shown.look()

    assert output.getvalue() == ""
