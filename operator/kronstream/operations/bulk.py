"""Orders about many executions of a job: found by a filter, done one after the other, told of under an id."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import asdict, dataclass, replace
from typing import Literal

from kronstream.domain.run import State, digest
from kronstream.domain.stored import known
from kronstream.operations.executions import Executions
from kronstream.operations.refused import Refused, Why
from kronstream.ports import Execution
from kronstream.ports.answers import Answers

log = logging.getLogger(__name__)

CHUNK = 500
PREFIX = "op-"
Order = Literal["retry", "cancel"]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which executions; ``begin`` and ``end`` bound the instants they were due at (milliseconds)."""

    state: State | None = None
    begin: int | None = None
    end: int | None = None

    def fits(self, run: Execution) -> bool:
        """Whether an execution is meant."""
        at = run.nominal or run.dispatched
        return (self.begin is None or at >= self.begin) and (self.end is None or at <= self.end)


@dataclass(frozen=True, slots=True)
class Operation:
    """How far an order is: ``count`` executions are meant, ``done`` were done, ``refused`` could not be.

    ``state`` is running or done; ``uid`` is the job's.
    """

    id: str
    order: Order
    uid: str
    namespace: str
    name: str
    count: int
    done: int = 0
    refused: int = 0
    state: str = "running"


class Bulk:
    """One service for every door. An order is carried on by the process that began it; asked again under the same key
    it goes on where it stood, and does nothing twice."""

    def __init__(self, executions: Executions, answers: Answers) -> None:
        self._executions = executions
        self._answers = answers
        self._tasks: set[asyncio.Task[None]] = set()

    async def find(self, uid: str, order: Order, wanted: Filter) -> list[str]:
        """The executions that an order is about: ended ones to be done again, unfinished ones to be cancelled."""
        states = [state for state in State if state.terminal == (order == "retry")]
        if wanted.state is not None:
            states = [state for state in states if state is wanted.state]
        found: list[str] = []
        for state in states:
            offset, total = 0, 1
            while offset < total:
                runs, total = await self._executions.page(uid, CHUNK, offset, state)
                found += [run.id for run in runs if wanted.fits(run)]
                offset += CHUNK
        return found

    async def start(self, order: Order, job: tuple[str, str, str], runs: list[str], key: str, by: str) -> Operation:
        """Begin an order about executions of a job (UID, namespace, name)."""
        operation = Operation(PREFIX + digest(order, key), order, *job, len(runs))
        await self._answers.note(operation.id, json.dumps(asdict(operation)))
        task = asyncio.create_task(self._carry_out(operation, runs, by))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return operation

    async def get(self, operation: str) -> Operation:
        """How far an order is. Raises Refused."""
        text = await self._answers.noted(operation) if operation.startswith(PREFIX) else None
        if text is None:
            raise Refused(Why.GONE, "there is no such operation, or it ended more than a day ago")
        return known(Operation, json.loads(text))

    async def _carry_out(self, operation: Operation, runs: list[str], by: str) -> None:
        done = refused = 0
        for number, run in enumerate(runs, 1):
            try:
                await self._one(operation, run, by)
                done += 1
            except Refused:
                refused += 1
            except Exception as error:  # noqa: BLE001 - whatever the store says, the others have their turn
                refused += 1
                log.warning("operation %s: execution %s is passed over: %s", operation.id, run, error)
            if number % CHUNK == 0 or number == len(runs):
                state = "done" if number == len(runs) else "running"
                told = replace(operation, done=done, refused=refused, state=state)
                await self._answers.note(operation.id, json.dumps(asdict(told)))
        if not runs:
            await self._answers.note(operation.id, json.dumps(asdict(replace(operation, state="done"))))

    async def _one(self, operation: Operation, run: str, by: str) -> Execution | bool:
        if operation.order == "retry":
            return await self._executions.retry(run, operation.id, by)
        return await self._executions.cancel(run, by)
