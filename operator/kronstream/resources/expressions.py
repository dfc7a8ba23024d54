"""The texts that say when: cron expressions, rules of RFC 5545, days to leave out, zones.

The schema judges their shape, so that `kubectl apply` refuses what cannot be meant; what the fields say is judged by
the domain and told in the status.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema

from kronstream.resources.scalars import Refused, Words, invalid, quoted

MACROS = ("@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually")
MAX_CRON = 256
MAX_RRULE = 1_000

_FIELD = r"[0-9A-Za-z*?,/#()-]+"
_CRON = rf"[ \t]*({'|'.join(MACROS)}|{_FIELD}([ \t]+{_FIELD}){{4,5}})[ \t]*"
_DATE = "[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"

NOT_EVERY = Refused(
    r"[ \t]*@every\b",
    "is not a cron expression",
    "write every: {}, in place of a schedule",
    part="^([0-9]+(ms|s|m|h|d))+$",
    example="90s",
)
NOT_ZONED = Refused(
    r"[ \t]*(CRON_)?TZ=",
    "names a zone",
    "write the zone apart, as timeZone: {}",
    part="^[A-Za-z][A-Za-z0-9_+/-]*",
    example="Europe/Berlin",
)


@dataclass(frozen=True)
class InOrder:
    """Of two days with a slash between them, the second is not before the first."""

    fault = "ends before it begins"
    instead = "write the earlier day first, like 2026-12-24/2027-01-02"

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        days = re.compile(f"({_DATE})/({_DATE})")

        def check(text: str) -> str:
            found = days.fullmatch(text)
            if found and text[:10] > text[11:]:
                raise invalid(f"{quoted(text)} {self.fault}", self.instead)
            return text

        return core_schema.no_info_after_validator_function(check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        known = handler(schema)
        # the shape of a date makes the order of texts the order of days
        rule = f"!self.matches('^{_DATE}/{_DATE}$') || self.substring(0, 10) <= self.substring(11)"
        own = {"rule": rule, "message": self.instead}
        return {**known, "x-kubernetes-validations": [*known["x-kubernetes-validations"], own]}


CronText = Annotated[
    str,
    Words(
        "a cron expression",
        _CRON,
        MAX_CRON,
        "write five fields (minute hour day-of-month month day-of-week), like '*/5 * * * *', six with seconds first, "
        f"or one of {', '.join(MACROS)}",
    ),
    NOT_EVERY,
    NOT_ZONED,
]
RuleText = Annotated[
    str,
    Words(
        "a recurrence rule",
        r"[\t\n\r -~]*(?i:FREQ=(SECOND|MINUTE|HOUR|DAI|WEEK|MONTH|YEAR)LY)[\t\n\r -~]*",
        MAX_RRULE,
        "write a rule of RFC 5545, like FREQ=WEEKLY;INTERVAL=2;BYDAY=MO;BYHOUR=9;BYMINUTE=0, with DTSTART and EXDATE "
        "on lines of their own where you need them",
    ),
]
Exclusion = Annotated[
    str,
    Words(
        "a day, a range of days or a cron expression",
        rf"{_DATE}(/{_DATE})?|{_CRON}",
        MAX_CRON,
        "write a day, like 2026-12-24, a range with both days included, like 2026-12-24/2027-01-02, or a cron "
        "expression, like '* * * * SAT,SUN'",
    ),
    InOrder(),
]
ZoneName = Annotated[
    str,
    Words(
        "the name of a time zone",
        "[A-Za-z][A-Za-z0-9_+/-]*",
        64,
        "write a name of the tz database, like Europe/Berlin, America/New_York or UTC",
    ),
]
