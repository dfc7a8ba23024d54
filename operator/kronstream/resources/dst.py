"""What a schedule does when the clocks change."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from kronstream.resources.base import SHOWN_DEFAULT, Part


class Dst(Part):
    """What becomes of a time of day on the two days a year when the clocks of timeZone change. A cron expression whose
    hour field is exactly `*` needs no such choice: it goes by elapsed time, so that `*/15 * * * *` is 15 minutes
    apart on those days too. In UTC nothing changes.
    """

    gap: Annotated[Literal["RunAfter", "Skip"], Field(json_schema_extra=SHOWN_DEFAULT)] = "RunAfter"
    """When the clocks go forward, some times do not exist that day: 02:30, where 02:00 becomes 03:00. RunAfter runs
    once for all of them, at the first instant after the gap, 03:00; Skip leaves them out.
    """
    repeat: Annotated[Literal["First", "Both"], Field(json_schema_extra=SHOWN_DEFAULT)] = "First"
    """When the clocks go back, some times come twice that day: 01:30, where 02:00 becomes 01:00 again. First runs at
    the first of the two, Both runs at both.
    """
