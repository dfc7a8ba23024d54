"""Knowing at every instant which attempt executes in the loop, in its own task or in one that it started."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine, Generator
from contextvars import ContextVar
from typing import Any

from kronstream.worker.slate import NOBODY, Slate

_forked = False  # whether this process is a fork of the one that began


def _note_fork() -> None:
    global _forked  # noqa: PLW0603 - a fork is of the whole process
    _forked = True


os.register_at_fork(after_in_child=_note_fork)


class Seat:
    """Where an attempt's steps are noted; left when the books are closed though the handler goes on."""

    __slots__ = ("slot",)

    def __init__(self, slot: int) -> None:
        self.slot = slot

    def abandon(self) -> None:
        """What executes from now on is nobody's."""
        self.slot = NOBODY


seat: ContextVar[Seat | None] = ContextVar("seat", default=None)
"""The seat of the attempt that the present task belongs to."""


class Watched(Coroutine[Any, Any, Any]):
    """A coroutine whose every step is noted in the slate.

    A SystemExit in a task would end the loop, with all other runs; it becomes an error of that task.
    """

    __slots__ = ("_coroutine", "_seat", "_slate")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], slate: Slate, seat: Seat) -> None:
        self._coroutine = coroutine
        self._slate = slate
        self._seat = seat

    def send(self, value: Any) -> Any:
        """One step."""
        self._slate.enter(self._seat.slot)
        try:
            return self._coroutine.send(value)
        except (SystemExit, KeyboardInterrupt) as error:
            raise _exited(error) from error
        finally:
            if _forked:
                os._exit(0)  # the handler forked and came back twice: this is not the worker
            self._slate.leave()

    def throw(self, *error: Any) -> Any:
        """One step, with an error thrown into it."""
        self._slate.enter(self._seat.slot)
        try:
            return self._coroutine.throw(*error)
        except (SystemExit, KeyboardInterrupt) as exit_:
            raise _exited(exit_) from exit_
        finally:
            if _forked:
                os._exit(0)  # the handler forked and came back twice: this is not the worker
            self._slate.leave()

    def close(self) -> None:
        """See Coroutine."""
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._coroutine.__await__()

    def __getattr__(self, name: str) -> Any:
        # libraries look at a task's coroutine (cr_running, cr_frame, …)
        return getattr(self._coroutine, name)


def _exited(error: BaseException) -> RuntimeError:
    return RuntimeError(f"a handler's task raised {type(error).__name__}; return, or raise an error")


def watch_tasks(loop: asyncio.AbstractEventLoop, slate: Slate) -> None:
    """From now on, watch every task of the loop that belongs to an attempt."""

    def factory(
        loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], **options: Any
    ) -> asyncio.Task[Any]:
        context = options.get("context")
        mine = seat.get() if context is None else context.get(seat)
        if mine is not None:
            coroutine = Watched(coroutine, slate, mine)
        return asyncio.Task(coroutine, loop=loop, **options)

    loop.set_task_factory(factory)  # type: ignore[arg-type]  # its protocol wants a generic function
