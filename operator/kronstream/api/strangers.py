"""Tokens not seen lately: how many an address may come with, so that rubbish does not become TokenReviews."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

from kronstream.api.problem import Problem

MOST = 10_000
TOGETHER = 10
"""All addresses together may come with so many times as many as one."""
ALL = ""


class Strangers:
    """For each address ``rate`` tokens a minute, in one process: it guards the API server, whatever Redis does. Of an
    IPv6 network of 64 bits, which one machine may have, all addresses are one."""

    def __init__(self, rate: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._spent: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def count(self, address: str) -> None:
        """A token that is not known comes from an address. Raises Problem 429."""
        for key, most in ((_network(address), self._rate), (ALL, self._rate * TOGETHER)):
            self._spend(key, most)

    def _spend(self, key: str, most: int) -> None:
        now = self._clock()
        spent, since = self._spent.pop(key, (0.0, now))
        spent = max(0.0, spent - (now - since) * most / 60)
        full = spent + 1 > most
        self._spent[key] = spent if full else spent + 1, now
        while len(self._spent) > MOST:
            self._spent.popitem(last=False)
        if full:
            wait = max(1, round(60 / most))
            raise Problem(
                429, f"too many tokens that are not known came from this address; wait {wait} s",
                headers={"Retry-After": str(wait)},
            )  # fmt: skip


def _network(address: str) -> str:
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv6Address):
        if known.ipv4_mapped is not None:
            return str(known.ipv4_mapped)
        return str(ipaddress.ip_network((known, 64), strict=False))
    return str(known)
