"""Readers of settings: each takes text and raises ValueError with what to write instead."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from kronstream.domain import address, duration, quantity, redisurl, target
from kronstream.domain.limits import Gate, Limits, function_gate, queue_gate

MOST_QUEUES, MOST_SLOTS = 32, 10_000
TRUE, FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
MOST_LIMITS = 100

_VISIBLE = re.compile(r"[!-~]{1,255}")
_CONFIG_MAP = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_STREAM_PATTERN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,199}\*?|\*")  # of names as source.stream has them
_QUEUE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")  # as the resources' spec.queue
_RESOURCE_KIND = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9-]+)+/v[0-9][a-z0-9]*")


def whole(low: int, high: int) -> Callable[[str], int]:
    """Reads a whole number between two bounds, both allowed."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise ValueError(f"write a whole number from {low} to {high}")
        return value

    return read


def span(low: str, high: str) -> Callable[[str], int]:
    """Reads a duration between two bounds, both allowed, into milliseconds."""

    def read(text: str) -> int:
        try:
            value = duration.parse(text)
        except ValueError:
            value = -1
        if not duration.parse(low) <= value <= duration.parse(high):
            raise ValueError(f"write a duration from {low} to {high}, like 1500ms, 90s or 2h30m")
        return value

    return read


def amount(low: str, high: str) -> Callable[[str], int]:
    """Reads an amount of memory between two bounds, both allowed, into bytes."""

    def read(text: str) -> int:
        try:
            value = quantity.parse(text)
        except ValueError:
            value = -1
        if not quantity.parse(low) <= value <= quantity.parse(high):
            raise ValueError(f"write an amount of memory from {low} to {high}, like 256Mi or 1.5Gi")
        return value

    return read


def switch(text: str) -> bool:
    """Reads true or false."""
    if text.lower() in TRUE:
        return True
    if text.lower() in FALSE:
        return False
    raise ValueError("write true or false")


def choice(*words: str) -> Callable[[str], str]:
    """Reads one of some words, in any case."""

    def read(text: str) -> str:
        if text.lower() not in words:
            raise ValueError(f"write {' or '.join(words)}")
        return text.lower()

    return read


def visible(text: str) -> str:
    """Reads a name without blanks and control characters."""
    if not _VISIBLE.fullmatch(text):
        raise ValueError("write 1 to 255 printable ASCII characters without blanks")
    return text


def printed(text: str) -> str:
    """Reads a secret that is one line of printable characters; its text is never part of a message."""
    if not text.isprintable() or len(text) > 1_024:
        raise ValueError("write at most 1,024 printable characters, without a newline at the end")
    return text


def stream_name(text: str) -> str:
    """Reads a stream's name; braces would move its other keys to another slot of a Redis Cluster."""
    if "{" in text or "}" in text:
        raise ValueError("write a name without braces: keys derived from it are put into braces")
    return visible(text)


def stream_patterns(text: str) -> tuple[str, ...]:
    """Reads names of streams of events, or beginnings of such names with `*`, between commas."""
    patterns = listed(text)
    if not all(_STREAM_PATTERN.fullmatch(pattern) for pattern in patterns):
        raise ValueError("write names of streams, or how they begin and *, like stream:events,stream:shop:*")
    return patterns


def queue_name(text: str) -> str:
    """Reads a queue's name."""
    if not _QUEUE.fullmatch(text):
        raise ValueError("write lower-case letters, digits and '-' (63 at most), like default or gpu-jobs")
    return text


def listed(text: str) -> tuple[str, ...]:
    """Reads what stands between commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def queue_slots(text: str) -> tuple[tuple[str, int | None], ...]:
    """Reads queues, each with the number of runs executed at a time or without one: `reports=4,default`."""
    found: dict[str, int | None] = {}
    for part in listed(text):
        name, has_number, number = part.partition("=")
        if queue_name(name.strip()) in found:
            raise ValueError(f"write each queue once; {name.strip()} is there twice")
        found[name.strip()] = whole(1, 10_000)(number) if has_number else None
    if not 1 <= len(found) <= MOST_QUEUES or sum(slots or 0 for slots in found.values()) > MOST_SLOTS:
        raise ValueError(
            f"write 1 to {MOST_QUEUES} queues, such as default or reports=4, with {MOST_SLOTS} runs in all"
        )
    return tuple(found.items())


def namespace_name(text: str) -> str:
    """Reads a namespace's name."""
    if not _NAMESPACE.fullmatch(text):
        raise ValueError("write a namespace: lower-case letters, digits and '-' (63 at most), like kronstream-system")
    return text


def namespace_names(text: str) -> tuple[str, ...]:
    """Reads names of namespaces, between commas."""
    return tuple(namespace_name(name) for name in listed(text))


def file_path(text: str) -> Path:
    """Reads the path of a file."""
    if not text.isprintable():
        raise ValueError("write the path of a file")
    return Path(text)


def host_port(text: str) -> tuple[str, int]:
    """Reads host:port."""
    host, _, port = text.rpartition(":")
    if not host or not _VISIBLE.fullmatch(host) or not port.isascii() or not port.isdigit() or "/" in host:
        raise ValueError("write host:port, like kronstream-runs.kronstream-system.svc:443")
    return host.strip("[]"), whole(1, 65_535)(port)


def service_port(text: str) -> tuple[str, str, int]:
    """Reads the port of a Service, as namespace/name:port."""
    where, _, port = text.rpartition(":")
    namespace, _, name = where.partition("/")
    if not (_NAMESPACE.fullmatch(namespace) and _NAMESPACE.fullmatch(name) and port.isascii() and port.isdigit()):
        raise ValueError("write namespace/name:port, like kronstream-system/kronstream-runs:443")
    return namespace, name, whole(1, 65_535)(port)


def config_map_name(text: str) -> str:
    """Reads a ConfigMap's name."""
    if not _CONFIG_MAP.fullmatch(text):
        raise ValueError("write lower-case letters, digits, '-' and '.' (253 at most), like kronstream-pauses")
    return text


def allowed_addresses(text: str) -> tuple[str, ...]:
    """Reads networks, host names and the word private."""
    entries = listed(text)
    address.Allowed.of(entries)
    return entries


def web_url(text: str) -> str:
    """Reads a URL of http or https."""
    try:
        target.origin(text)
    except ValueError:
        raise ValueError("write a URL of http or https, like https://kronstream.example/api/v1/scheduler") from None
    return text


def resource_kinds(text: str) -> tuple[str, ...]:
    """Reads kinds of custom resources, between commas."""
    kinds = listed(text)
    if not all(_RESOURCE_KIND.fullmatch(kind) for kind in kinds):
        raise ValueError("write plural.group/version, like workflows.argoproj.io/v1alpha1, several between commas")
    return kinds


def redis_url(text: str) -> str:
    """Reads a Redis URL; its text is never part of a message, for it may hold a password."""
    return redisurl.checked(text)


def worker_limits(text: str) -> Limits:
    """Reads limits that hold over all workers: `queue:reports=10, function:mail:send=3+100/1m`."""
    queues: dict[str, Gate] = {}
    functions: dict[str, Gate] = {}
    parts = listed(text)
    if len(parts) > MOST_LIMITS:
        raise ValueError(f"write at most {MOST_LIMITS} limits")
    for part in parts:
        subject, _, limit = part.rpartition("=")
        kind, _, name = (word.strip() for word in subject.partition(":"))
        if kind == "queue" and name:
            queues[queue_name(name)] = queue_gate(name, limit.strip())
        elif kind == "function" and name:
            functions[name] = function_gate(name, limit.strip())
        else:
            raise ValueError(
                f"{part[:80]!r} limits neither; write queue:NAME=LIMIT or function:NAME=LIMIT, like queue:mail=3"
            )
    return Limits(queues, functions)


SEVERAL = frozenset(
    {listed, namespace_names, stream_patterns, queue_slots, worker_limits, resource_kinds, allowed_addresses}
)
"""Those that read several values between commas: their flags may be said again."""
