"""What each call asks for, in the words of Kubernetes RBAC: a verb on a resource of the group kronstream.dev."""

from __future__ import annotations

from enum import Enum

from kronstream.ports.reviews import Right


class Act(Enum):
    """(verb, resource, subresource) of what somebody may do."""

    GET_JOB = ("get", "scheduledjobs", "")
    LIST_JOBS = ("list", "scheduledjobs", "")
    CREATE_JOB = ("create", "scheduledjobs", "")
    UPDATE_JOB = ("update", "scheduledjobs", "")
    DELETE_JOB = ("delete", "scheduledjobs", "")
    PAUSE = ("update", "scheduledjobs", "pause")
    RUN = ("create", "scheduledjobs", "run")
    CANCEL = ("delete", "scheduledjobs", "run")
    BACKFILL = ("create", "scheduledjobs", "backfill")
    GET_RUN = ("get", "scheduledjobs", "executions")
    LIST_RUNS = ("list", "scheduledjobs", "executions")
    TRIGGER = ("create", "eventhandlers", "trigger")
    GET_HANDLER = ("get", "eventhandlers", "")
    LIST_HANDLERS = ("list", "eventhandlers", "")
    GET_QUEUES = ("get", "queues", "")
    UPDATE_QUEUES = ("update", "queues", "")
    GET_LETTERS = ("get", "deadletters", "")
    UPDATE_LETTERS = ("update", "deadletters", "")
    DELETE_LETTERS = ("delete", "deadletters", "")
    GET_WORKERS = ("get", "workers", "")
    GET_STATS = ("get", "stats", "")

    def of(self, namespace: str = "", name: str = "") -> Right:
        """The right to do it in a namespace ('': in all of them, or to what has none), to one of a name."""
        verb, resource, subresource = self.value
        return Right(verb, resource, subresource, namespace, name)
