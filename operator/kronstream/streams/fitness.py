"""What INFO of a Redis says of whether it may be dispatched into, and of what it would lose: pure judgements."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MINIMUM_VERSION = (7, 0)


def unfit(info: Mapping[str, Any]) -> str:
    """Why the server must not be used, and what to change; '' where it may."""
    version = tuple(int(part) for part in str(info["redis_version"]).split(".")[:2])
    if version < MINIMUM_VERSION:
        return f"Redis {info['redis_version']} is too old: use Redis 7.0 or newer, or Valkey"
    if info.get("role") != "master":
        return "this Redis is a replica: give the address of the primary, or of the Sentinels (KRONSTREAM_REDIS_URL)"
    if info.get("loading"):
        return "Redis is still loading its data"
    policy = str(info.get("maxmemory_policy", "noeviction"))
    if policy != "noeviction":
        return (
            f"Redis may evict keys (maxmemory-policy {policy}): run `CONFIG SET maxmemory-policy noeviction`, "
            "and set it in redis.conf"
        )
    if info.get("aof_enabled") and info.get("aof_last_write_status", "ok") != "ok":
        return "Redis cannot write its append-only file: look at its disk, and at its log"
    return ""


def fleeting(info: Mapping[str, Any]) -> str:
    """What a server that may be used does not keep, and what to change; '' where all is kept."""
    if info.get("aof_enabled"):
        return ""
    return (
        "Redis keeps no append-only file, what is written is lost when it ends: run `CONFIG SET appendonly yes`, "
        "and set it in redis.conf"
    )
