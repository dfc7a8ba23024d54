"""Tells people what happened to a job, as Kubernetes Events."""

import logging
import time
from collections.abc import Sequence

from kronstream.cluster.api import ApiError
from kronstream.cluster.events import Events
from kronstream.controller import news
from kronstream.controller.job import Job
from kronstream.controller.marks import marks

log = logging.getLogger(__name__)


class Herald:
    """Within a budget of its own; an Event that another replica posted first is none of our trouble."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._budget = news.event_budget(time.monotonic())

    async def tell(self, job: Job, found: Sequence[news.News], now: int) -> None:
        """Post what the budget allows; ``now`` is the store's clock (milliseconds). What fails is logged."""
        for item in found[: self._budget.take(len(found), time.monotonic())]:
            try:
                await self._events.post(job.namespace, news.event(job, item, now))
            except (ApiError, OSError, TimeoutError) as error:
                if isinstance(error, ApiError) and error.status == 409:
                    continue  # another replica was first
                log.info(
                    "%s/%s: the Event %s was not posted: %s",
                    job.namespace,
                    job.name,
                    item.reason,
                    error,
                    extra=marks(job),
                )
