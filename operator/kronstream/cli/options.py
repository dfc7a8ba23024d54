"""Flags of the command line made from settings: same names, help and defaults, checked in one place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import Field, fields
from typing import Any, TypeVar

import click

from kronstream.domain.errors import Invalid
from kronstream.readers import SEVERAL, switch
from kronstream.setting import read_settings

Settings = TypeVar("Settings")
Command = TypeVar("Command", bound=Callable[..., Any])


def settings_options(kind: type[Any]) -> Callable[[Command], Command]:
    """Decorator that gives a command a flag for every setting of a kind; each arrives as text or None."""

    def decorate(command: Command) -> Command:
        for item in reversed(_items(kind)):
            command = _option(item)(command)
        return command

    return decorate


def settings_from(kind: type[Settings], flags: dict[str, Any]) -> Settings:
    """The settings of these flags and the environment; what cannot be used is a usage error (exit 2)."""
    try:
        return read_settings(kind, **flags)
    except Invalid as error:
        raise click.UsageError(str(error)) from None


def _items(kind: type[Any]) -> list[Field[Any]]:
    found: list[Field[Any]] = []
    for item in fields(kind):
        part = item.metadata.get("part")
        found += _items(part) if part is not None else [item]
    return found


def _option(item: Field[Any]) -> Callable[[Command], Command]:
    about = item.metadata
    name = about["flag"].replace("_", "-")
    text = f"{about['help'][0].upper()}{about['help'][1:]}.  [{about['env']}; default {about['shown']}]"
    if about["read"] is switch:
        return click.option(
            f"--{name}/--{'disabled' if name == 'enabled' else f'no-{name}'}", about["flag"],
            default=None, help=text, callback=lambda _context, _option, value: None if value is None else str(value),
        )  # fmt: skip
    return click.option(
        f"--{name}", about["flag"], default=None, help=text, multiple=about["read"] in SEVERAL, metavar="TEXT"
    )
