"""How the runs that an action makes are executed."""

from __future__ import annotations

from typing import Annotated, Literal

from kronstream.resources.base import Part
from kronstream.resources.payload import Payload
from kronstream.resources.retry import Retry
from kronstream.resources.scalars import AccountName, QueueName, Span


class Execution(Part):
    """How a run is executed, in the fields of a ScheduledJob."""

    payload: Payload | None = None
    """Any JSON of at most 64 KiB and 32 levels. The run gets it with the event on top: the event's data as `event_data`
    and its type as `event_name`; what is no object goes under `payload`. spec.transform, when there is one, makes the
    payload alone.
    """
    timeout_ms: Annotated[int, Span("100ms", "7d")] = 300_000
    """How long one attempt may take, from 100ms to 7d."""
    total_timeout_ms: Annotated[int, Span("100ms", "30d")] | None = None
    """How long all attempts of a run may take together, waits between them included; from 100ms to 30d."""
    expected_within_ms: Annotated[int, Span("100ms", "7d")] | None = None
    """How long an attempt is expected to take, from 100ms to 7d; one that takes longer goes on, but is marked slow."""
    retry: Retry = Retry()
    """Whether and when a run is tried again after a failed attempt."""
    priority: Literal["low", "medium", "high", "critical"] = "medium"
    """Workers take waiting runs of a higher priority first."""
    queue: QueueName = "default"
    """The queue of the runs; the workers that serve it execute them."""
    service_account_name: AccountName = "default"
    """The service account of this namespace whose rights decide which Secrets are read and which resources are made for
    the runs.
    """
