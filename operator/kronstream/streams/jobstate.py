"""A job's hash, read into the shape that its status is made of."""

from collections.abc import Mapping, Sequence
from typing import Any

from kronstream.domain.plan import Skipped
from kronstream.domain.run import Skip
from kronstream.ports import Before, JobState, LastRun, Pause


def _int(fields: Mapping[str, str], name: str) -> int | None:
    text = fields.get(name)
    return int(text) if text else None


def _counters(fields: Mapping[str, str], prefix: str) -> dict[str, int]:
    return {name[len(prefix) :]: int(value) for name, value in fields.items() if name.startswith(prefix)}


def _last(fields: Mapping[str, str]) -> LastRun | None:
    if not fields.get("lr"):
        return None
    return LastRun(
        id=fields["lr"],
        state=fields["lrst"],
        started=_int(fields, "lrsta"),
        duration=_int(fields, "lrdur"),
        message=fields.get("lrmsg", ""),
    )


LAST = ("lr", "lrst", "lrsta", "lrdur", "lrmsg", "cf")


def before(fields: Mapping[str, str | None]) -> Before:
    """Read the fields LAST of a job's hash."""
    known = {name: value for name, value in fields.items() if value is not None}
    return Before(_last(known), _int(known, "cf") or 0)


def _last_skip(fields: Mapping[str, str]) -> Skipped | None:
    if not fields.get("skr"):
        return None
    return Skipped(Skip(fields["skr"]), int(fields["skn"]), int(fields["ska"]), int(fields["skb"]))


def _pause(fields: Mapping[str, str]) -> Pause | None:
    since = _int(fields, "psn")
    if since is None:
        return None
    return Pause(since, _int(fields, "pun"), fields.get("pby", ""), fields.get("prs", ""), "pau" in fields)


def _ahead(fields: Mapping[str, str]) -> tuple[int, ...]:
    """Instants to skip; those that the cursor passed are done with."""
    cursor = int(fields["cur"])
    return tuple(at for text in fields.get("sx", "").split(",") if text and (at := int(text)) > cursor)


def job_state(uid: str, row: Sequence[Any]) -> JobState | None:
    """Read an answer of ``describe.lua``: [flat hash, active, unfinished run ids], or empty for an unknown job."""
    if not row:
        return None
    flat, active, unfinished = row
    fields = dict(zip(flat[::2], flat[1::2], strict=True))
    timed = _int(fields, "dn")
    return JobState(
        uid=uid,
        namespace=fields["ns"],
        name=fields["name"],
        generation=int(fields["gen"]),
        revision=fields["rev"],
        cursor=int(fields["cur"]),
        seq=int(fields["seq"]),
        suspended=fields["sus"] == "1",
        invalid=fields["inv"] == "1",
        active=int(active),
        unfinished=tuple(unfinished),
        runs=_counters(fields, "n:"),
        skipped=_counters(fields, "sk:"),
        last=_last(fields),
        last_schedule=_int(fields, "ls"),
        last_success=_int(fields, "lok"),
        last_failure=_int(fields, "lbad"),
        consecutive_failures=int(fields.get("cf", 0)),
        average_duration=round(int(fields["dsum"]) / timed) if timed else None,
        last_skip=_last_skip(fields),
        once=fields.get("once"),
        done=_int(fields, "done"),
        when=fields.get("when", ""),
        pause=_pause(fields),
        ended="end" in fields,
        skip_next=_ahead(fields),
        run_now=fields.get("rn"),
    )
