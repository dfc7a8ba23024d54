"""A setting: its variable, its flag, its help and how its text is read; and how settings of a kind are read.

A flag of the command line (given as text, None when absent) goes before the variable, the variable before the default.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, field, fields
from typing import Any, TypeVar

from kronstream.domain.errors import Invalid

Settings = TypeVar("Settings")


def setting(
    env: str,
    help: str,  # noqa: A002 - the word of the command line
    read: Callable[[str], Any],
    default: Any = MISSING,
    *,
    make: Callable[[], Any] | None = None,
    secret: bool = False,
    shown: str | None = None,
) -> Any:
    """A field that `read_settings` fills. `read` raises ValueError with what to write; `shown` describes the default.

    A secret one stays out of the settings' repr.
    """
    flag = env.removeprefix("KRONSTREAM_").removeprefix("API_").removeprefix("WEBHOOK_").lower()
    shown = str(default) if shown is None else shown
    metadata = {"env": env, "flag": flag, "help": help, "read": read, "shown": shown}
    if make is not None:
        return field(default_factory=make, metadata=metadata, repr=not secret)
    return field(default=default, metadata=metadata, repr=not secret)


def read_settings(
    kind: type[Settings],
    environ: Mapping[str, str] = os.environ,
    **flags: str | tuple[str, ...] | None,
) -> Settings:
    """Settings of a kind from flags, environment and defaults. Raises Invalid, naming flag and variable.

    A flag is called as its variable: `redis_url` for KRONSTREAM_REDIS_URL.
    """
    values: dict[str, Any] = {}
    for item in fields(kind):  # type: ignore[arg-type]
        part = item.metadata.get("part")
        if part is not None:
            values[item.name] = read_settings(part, environ, **flags)
        elif "env" in item.metadata:
            given = flags.get(item.metadata["flag"])
            if given is None or given == ():
                given = environ.get(item.metadata["env"]) or None  # set but empty is not set
            if given is not None:
                values[item.name] = _read(item, given)
    return kind(**values)


def secret_variables(kind: type[Any]) -> frozenset[str]:
    """The variables of a kind of settings that hold secrets."""
    return frozenset(item.metadata["env"] for item in fields(kind) if "env" in item.metadata and not item.repr)


def _read(item: Field[Any], given: str | tuple[str, ...]) -> Any:
    text = given if isinstance(given, str) else ",".join(given)
    try:
        return item.metadata["read"](text)
    except ValueError as error:
        flag = f"--{item.metadata['flag'].replace('_', '-')} ({item.metadata['env']})"
        shown = "the value" if not item.repr else repr(text[:80])
        raise Invalid(flag, f"{shown} cannot be used", str(error)) from None
