"""Calls of the HTTP API, as a program makes them."""

from __future__ import annotations

from typing import Any

import httpx

JOB = {
    "name": "Daily Cleanup",
    "schedule": "0 2 * * *",
    "handler_name": "cleanup:old_traces",
    "handler_type": "function",
    "payload": {"retention_days": 30},
    "created_by": "admin",
}


class Calls(httpx.Client):
    """A client of one API; `token` is sent with every call."""

    def __init__(self, url: str, token: str = "") -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        super().__init__(base_url=url, headers=headers, timeout=35.0, trust_env=False)

    def make(self, path: str = "/jobs/cron", **fields: Any) -> dict[str, Any]:
        """Makes a job like the sample's, with other fields."""
        body = {name: value for name, value in {**JOB, **fields}.items() if value is not None}
        answer = self.post(path, json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The problem that an answer is."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found = answer.json()
    assert found["status"] == status
    assert found["detail"]
    assert found["title"]
    assert found["type"].startswith("https://kronstream.dev/problems/")
    return found
