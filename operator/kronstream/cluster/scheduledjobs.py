"""ScheduledJobs on the API server."""

from kronstream.cluster.resources import Resources


class ScheduledJobs(Resources):
    """See Resources."""

    PLURAL = "scheduledjobs"
