"""Handlers that fail and say what is to become of the next attempt. A worker of the tests loads this file."""

from __future__ import annotations

from typing import Any

from kronstream.handlers import Permanent, RetryAfter, Run, handler


class NoSuchCustomer(Permanent):
    pass


def _fall(payload: Any, run: Run) -> None:
    how, given = payload
    if how == "permanent":
        raise Permanent("the account is closed")
    if how == "permanent kind":
        raise NoSuchCustomer(given)
    if how == "raise":
        raise RetryAfter(given, "the shop opens later")
    if how == "spoilt":
        error = RetryAfter(1)
        error.wait = given
        raise error
    if how == "written":
        run.wait = given
    else:
        run.retry_after(given)
    raise ConnectionError("hung up")


@handler("sync:fall")
def falls(payload: Any, run: Run) -> None:
    _fall(payload, run)


@handler("async:fall")
async def async_falls(payload: Any, run: Run) -> None:
    _fall(payload, run)
