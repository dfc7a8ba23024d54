"""What a call has at hand: who calls, what they may do, and what the path names."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request

from kronstream.api.problem import away
from kronstream.api.rights import Act
from kronstream.api.services import Services
from kronstream.operations.executions import missing as no_execution
from kronstream.operations.jobs import missing as no_job
from kronstream.operations.refused import Refused, Why
from kronstream.operations.rows import Row, Standing
from kronstream.operations.shelf import Kept
from kronstream.ports import Execution
from kronstream.ports.reviews import Caller

Answer = TypeVar("Answer")

_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_RUN = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-[smerb][0-9a-f.]{1,64}")
_NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
LOOK = 0.05


class Desk:
    """One call's."""

    def __init__(self, services: Services, caller: Caller, key: str, state: MutableMapping[str, Any]) -> None:
        self.services = services
        self.caller = caller
        self.key = key
        self._state = state

    @property
    def once(self) -> str:
        """What tells this request from others: its Idempotency-Key, with the caller, or one of its own."""
        return f"{self.caller.name}\x1f{self.key}" if self.key else uuid.uuid4().hex

    async def may(self, act: Act, namespace: str = "", name: str = "") -> None:
        """Raises Problem 403 where the caller may not."""
        await self.services.identity.demand(self.caller, act.of(namespace, name))
        self.allow()

    def allow(self) -> None:
        """The caller may do what is asked for: an answer to a request with a key is worth keeping."""
        self._state["allowed"] = True

    def namespace(self, given: str | None) -> str:
        """The namespace that is meant. Raises Refused for a text that is none: there is no such namespace."""
        if given is None:
            return self.services.namespace
        if not _NAMESPACE.fullmatch(given):
            raise Refused(Why.GONE, "there is no such namespace")
        return given

    async def job(self, text: str, act: Act) -> Row:
        """The job that a path names, by UID or as namespace:name, if the caller may. Raises Problem, Refused."""
        namespace, colon, name = text.partition(":")
        if colon:
            if not _NAMESPACE.fullmatch(namespace) or not _NAME.fullmatch(name):
                raise no_job()
            await self.may(act, namespace, name)
            row = await self.services.jobs.by_name(namespace, name)
        else:
            row = await self.services.jobs.by_uid(text) if _UID.fullmatch(text) else None
            if row is not None:
                await self.may(act, row.namespace, row.name)
        if row is None:
            raise no_job()
        return row

    async def history(self, text: str, act: Act) -> tuple[str, Row | None]:
        """The UID of the job that a path names, and the job; of a deleted one, named by its UID, there is none.

        Raises Problem, Refused.
        """
        try:
            row = await self.job(text, act)
        except Refused:
            owner = await self.services.executions.owner(text) if _UID.fullmatch(text) else None
            if owner is None:
                raise
            await self.may(act, *owner)
            return text, None
        return row.uid, row

    async def handler(self, text: str, act: Act) -> Kept:
        """The EventHandler that a path names, by UID or as namespace:name, if the caller may."""
        namespace, colon, name = text.partition(":")
        if colon:
            await self.may(act, namespace if _NAMESPACE.fullmatch(namespace) else "", name[:253])
            found = self.services.shelf.named(namespace, name)
        else:
            found = self.services.shelf.get(text)
            if found is not None:
                await self.may(act, found.known.namespace, found.known.name)
        if found is None:
            raise Refused(Why.GONE, "there is no such event handler")
        return found

    async def execution(self, text: str, act: Act) -> Execution:
        """The record that a path names, if the caller may."""
        if not _RUN.fullmatch(text):
            raise no_execution()
        found = await self.services.executions.get(text)
        await self.may(act, found.namespace, found.name)
        return found

    async def in_force(self, row: Row, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """What the store answers about a job; one that was made a moment ago is waited for until it is in force."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.services.patience
        while True:
            try:
                return await ask()
            except Refused as refused:
                if refused.why is not Why.GONE or row.standing is Standing.INVALID:
                    raise
                if loop.time() > deadline:
                    raise away("no operator has taken the job into force yet; try again") from None
            await asyncio.sleep(LOOK)


async def _desk(request: Request) -> Desk:
    return Desk(request.app.state.services, request.state.caller, request.state.key, request.scope["state"])


AtDesk = Annotated[Desk, Depends(_desk)]
