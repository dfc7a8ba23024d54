"""What people call jobs and runs, and what the API's paths call them."""

from __future__ import annotations

import re

from kronstream.cli.client.connection import Api, segment
from kronstream.cli.client.exits import Exit, Failure

_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
RUN = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}-[smerb][0-9a-f.]{1,64}")


def job_id(api: Api, text: str) -> str:
    """A job as bodies name it: NAMESPACE/NAME, NAME in the namespace, or an id."""
    if _UID.fullmatch(text):
        return text
    if RUN.fullmatch(text):
        raise Failure(Exit.USAGE, f"{text} is a run, and a job is meant; write NAMESPACE/NAME, or NAME")
    namespace, slash, name = text.replace(":", "/", 1).partition("/")
    if not slash:
        namespace, name = api.namespace, namespace
    if not namespace or not name or "/" in name:
        raise Failure(Exit.USAGE, f"{text[:200]!r} names no job; write NAMESPACE/NAME, NAME, or its id")
    return f"{namespace}:{name}"


def job_path(api: Api, text: str) -> str:
    """A job's path."""
    return f"/jobs/{segment(job_id(api, text))}"


def run_path(text: str) -> str:
    """An execution's path."""
    if not RUN.fullmatch(text):
        raise Failure(
            Exit.USAGE, f"{text[:200]!r} is not the id of a run; `kronstream history JOB -o name` tells those of a job"
        )
    return f"/executions/{segment(text)}"
