"""What a schedule does when the clocks change."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from kronstream.domain.dst import Gap, Repeat
from kronstream.resources.base import SHOWN_DEFAULT, Part


class Dst(Part):
    """What becomes of the times of day that the clocks of timeZone leave out or show twice on the days when they
    change; for schedule, schedules and rrule. A cron expression whose hour field is exactly `*` needs no such choice:
    it goes by elapsed time, so that `*/15 * * * *` is 15 minutes apart on those days too. In UTC nothing changes.
    """

    gap: Annotated[Gap, Field(json_schema_extra=SHOWN_DEFAULT)] = "RunAfter"
    """When the clocks go forward, some times do not exist that day, such as 02:30 where 02:00 becomes 03:00. RunAfter
    runs once for all of them, at the first instant after the gap (03:00); Skip leaves them out.
    """
    repeat: Annotated[Repeat, Field(json_schema_extra=SHOWN_DEFAULT)] = "First"
    """When the clocks go back, some times come twice that day, such as 01:30 where 02:00 becomes 01:00 again. First
    runs at the first of the two, Both runs at both.
    """
