"""Who calls, and what they may do: the cluster is asked, and what it allowed is remembered for seconds."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from kronstream.api.problem import Problem
from kronstream.api.strangers import Strangers
from kronstream.ports.reviews import Caller, Reviews, Right

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

REMEMBERED = 5.0
ACQUAINTED = 600.0
"""Seconds for which a token that was good is none of a stranger: it is asked about all the same."""
MOST = 10_000
LONGEST_TOKEN = 16_384
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="kronstream"'}
EVERYBODY = Caller("anonymous")


class _Short(Generic[Key, Value]):
    """What was found out, for five seconds at most unless ``seconds`` says otherwise; of very many the newest."""

    def __init__(self, clock: Callable[[], float], seconds: float = REMEMBERED) -> None:
        self._clock = clock
        self._seconds = seconds
        self._known: OrderedDict[Key, tuple[float, Value]] = OrderedDict()

    def get(self, key: Key) -> Value | None:
        until, value = self._known.get(key, (0.0, None))
        return value if until > self._clock() else None

    def put(self, key: Key, value: Value, since: float) -> None:
        self._known[key] = since + self._seconds, value
        self._known.move_to_end(key)
        while len(self._known) > MOST:
            self._known.popitem(last=False)

    def drop(self, key: Key) -> None:
        self._known.pop(key, None)


class Identity:
    """Without reviews (``--auth none``) everybody may do everything. ``strangers`` bounds how many tokens are
    asked about that were not good lately; one that was, is asked about whatever else comes from its address."""

    def __init__(
        self,
        reviews: Reviews | None,
        strangers: Strangers | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reviews = reviews
        self._strangers = strangers
        self._clock = clock
        self._callers: _Short[bytes, Caller] = _Short(clock)
        self._good: _Short[bytes, bool] = _Short(clock, ACQUAINTED)
        self._allowed: _Short[tuple[str, str, tuple[str, ...], Right], bool] = _Short(clock)

    @property
    def open(self) -> bool:
        """Whether nobody is asked who they are."""
        return self._reviews is None

    async def caller(self, authorization: str | None, address: str = "") -> Caller:
        """Whom a header Authorization stands for, that came from an address. Raises Problem 401, 429, StoreAway."""
        if self._reviews is None:
            return EVERYBODY
        scheme, _, token = (authorization or "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise Problem(401, "write a header `Authorization: Bearer TOKEN`", headers=CHALLENGE)
        # only a digest is kept: a token is a secret
        key = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        known = self._callers.get(key)
        if known is not None:
            return known
        since = self._clock()
        usable = len(token) <= LONGEST_TOKEN and token.isascii() and token.isprintable()
        if usable and self._strangers is not None and not self._good.get(key):
            self._strangers.count(address)
        found = await self._reviews.authenticate(token) if usable else None
        if found is None:
            self._good.drop(key)
            raise Problem(401, "the token is not valid, or its time is over; get another one", headers=CHALLENGE)
        self._callers.put(key, found, since)
        self._good.put(key, True, since)
        return found

    async def demand(self, caller: Caller, right: Right) -> None:
        """Raises Problem 403, naming the right, where the caller does not have it, and StoreAway."""
        if not await self.allows(caller, right):
            raise Problem(403, f"{caller.name} lacks the right: {right}")

    async def allows(self, caller: Caller, right: Right) -> bool:
        """Whether the caller has a right; a denial is never remembered."""
        if self._reviews is None:
            return True
        key = caller.name, caller.uid, caller.groups, right
        if self._allowed.get(key):
            return True
        since = self._clock()
        allowed = await self._reviews.allows(caller, right)
        if allowed:
            self._allowed.put(key, True, since)
        return allowed
