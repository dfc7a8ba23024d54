"""What is well and what is not, of what `doctor` saw: pure judgements, each with what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kronstream.cli.instants import span
from kronstream.domain.naming import some

Level = Literal["ok", "warning", "wrong"]
NAMED = 5
SKEW, BAD_SKEW = 1_000, 10_000
LAG = 60_000
FULL = 0.8


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `do` tells what to do about it."""

    area: str
    level: Level
    text: str
    do: str = ""


def of_crd(shipped: Mapping[str, Any], found: Mapping[str, Any] | None) -> Finding:
    """Whether a CRD of this version is in force."""
    name = shipped["metadata"]["name"]
    do = "run `kronstream crds | kubectl apply --server-side -f -`"
    if found is None:
        return Finding("CRDs", "wrong", f"{name} is not there", do)
    states = {one["type"]: one["status"] for one in (found.get("status") or {}).get("conditions") or ()}
    if states.get("Established") != "True":
        return Finding("CRDs", "wrong", f"{name} is there, but not served", f"see `kubectl describe crd {name}`")
    missing = sorted(set(_fields(shipped)) - set(_fields(found)))
    if missing:
        return Finding("CRDs", "wrong", f"{name} is of another version: it lacks {some(missing, 1)}", do)
    return Finding("CRDs", "ok", f"{name} is in force")


def _fields(crd: Mapping[str, Any]) -> Iterator[str]:
    for version in crd["spec"]["versions"]:
        yield from _paths(version["name"], (version.get("schema") or {}).get("openAPIV3Schema") or {})


def _paths(path: str, schema: Mapping[str, Any]) -> Iterator[str]:
    yield path
    for name, inner in (schema.get("properties") or {}).items():
        yield from _paths(f"{path}.{name}", inner)
    if isinstance(schema.get("items"), Mapping):
        yield from _paths(f"{path}[]", schema["items"])


def of_rights(account: str, missing: Sequence[str], total: int) -> Finding:
    """Whether a service account may do what it has to."""
    if not missing:
        return Finding("RBAC", "ok", f"{account} has the {total} rights that it needs")
    more = f", and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
    text = f"{account} may not {', '.join(missing[:NAMED])}{more}"
    return Finding("RBAC", "wrong", text, "apply deploy/ (or the chart) of this version")


def of_pool(account: str, missing: Sequence[str], total: int) -> Finding:
    """Whether a pool of workers has all rights for Kubernetes Jobs, or none: a pool may be without them."""
    if len(missing) == total:
        return Finding("RBAC", "ok", f"{account} has no rights for Jobs: its pool executes no handler.job")
    return of_rights(account, missing, total)


def of_redis(info: Mapping[str, Any], unsuitable: str) -> Iterator[Finding]:
    """Version, policy, memory and persistence; `unsuitable` is what `verify` said."""
    if unsuitable:
        fault, _, do = unsuitable.partition(": ")
        yield Finding("Redis", "wrong", fault, do)
    else:
        yield Finding("Redis", "ok", f"version {info['redis_version']}, a primary, evicts nothing")
    if not info.get("aof_enabled"):
        do = "run `CONFIG SET appendonly yes`, and set it in redis.conf"
        yield Finding("Redis", "warning", "what is written is lost when Redis ends: appendonly is no", do)
    elif info.get("aof_last_write_status", "ok") == "ok":
        yield Finding("Redis", "ok", "persistent by its append-only file")
    used, most = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    if most and used > FULL * most:
        do = "raise maxmemory; when it is full nothing is dispatched"
        yield Finding("Redis", "warning", f"{100 * used // most} % of maxmemory are used", do)


def of_owner(owner: str | None, cluster: str, name: str = "") -> Finding:
    """Whether the data in Redis is this installation's; `cluster` is '' where it could not be asked, `name` what
    KRONSTREAM_INSTALLATION says here."""
    if owner is None:
        return Finding("Installation", "ok", "the data in Redis belongs to nobody yet")
    theirs, _, other = owner.partition("/")
    if not cluster:
        return Finding("Installation", "warning", f"the data in Redis belongs to cluster {theirs}; which one this is "
                       "could not be read", "call as somebody who may get the namespace kube-system")  # fmt: skip
    if theirs == cluster and name and other and name != other:
        do = f"give this one a Redis or a KRONSTREAM_STREAM_NAME of its own, or say KRONSTREAM_INSTALLATION={other}"
        text = f"the data in Redis belongs to installation {other}, this is {name}"
        return Finding("Installation", "wrong", text, do)
    if theirs != cluster:
        do = (
            "give this installation a Redis or a KRONSTREAM_STREAM_NAME of its own; if that cluster is no more, start "
            f"the operators with KRONSTREAM_TAKE_OVER={owner}"
        )
        return Finding("Installation", "wrong", f"the data in Redis belongs to cluster {theirs}, this is {cluster}", do)
    return Finding("Installation", "ok", f"the data in Redis belongs to this cluster{f', to {other}' if other else ''}")


@dataclass(frozen=True)
class Reading:
    """A clock that was asked, in milliseconds: the answer is between `low` and `high`, and was given while the clock
    here went from `begin` to `end`."""

    whose: str
    low: int
    high: int
    begin: int
    end: int

    @property
    def ahead(self) -> int:
        """How far it is ahead of the clock here, at least; negative: behind."""
        if self.low > self.end:
            return self.low - self.end
        return min(0, self.high - self.begin)


def of_clock(reading: Reading) -> Finding:
    """A clock beside the one here."""
    skew = abs(reading.ahead)
    if skew < SKEW:
        return Finding("Clocks", "ok", f"{reading.whose} clock and the one here agree")
    where = "ahead of" if reading.ahead > 0 else "behind"
    text = f"{reading.whose} clock is {span(skew / 1000)} {where} the one here"
    level: Level = "wrong" if skew >= BAD_SKEW else "warning"
    return Finding("Clocks", level, text, "let NTP or chrony set both; runs are due by Redis' clock")
