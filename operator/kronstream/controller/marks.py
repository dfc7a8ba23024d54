"""What log lines about a job carry as fields of their own."""

from kronstream.controller.job import Job
from kronstream.domain.trace import trace_id


def marks(job: Job, run: str = "") -> dict[str, str]:
    """The job, and a run of it with its trace, where the line is about one."""
    named = {"job": f"{job.namespace}/{job.name}"}
    return {**named, "run": run, "trace_id": trace_id(run)} if run else named
