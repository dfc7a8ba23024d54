"""An exception of a handler as bounded text, whatever its methods do."""

from __future__ import annotations

import traceback
from types import TracebackType

from kronstream.domain import duration
from kronstream.logs import masked
from kronstream.ports import Failure, bounds

FRAMES = 40
LINE = 1_024
TYPE = 200


def describe(error: BaseException) -> Failure:
    """Type, message and traceback (from the handler's own frame on) of an exception, bounded, without passwords."""
    return Failure(
        type=bounds.head(_type_name(error), TYPE),
        message=bounds.head(masked(_message(error)), bounds.MESSAGE),
        traceback=bounds.tail(masked(_traceback(error)), bounds.TRACEBACK),
    )


def timed_out(timeout: int, allowed: int | None = None) -> Failure:
    """The failure of an attempt that went on for longer than its timeout, or than what was ``allowed`` of the time of
    all attempts (milliseconds)."""
    if allowed is not None and allowed < timeout:
        left = duration.render(allowed)
        return Failure("Timeout", f"the handler did not end within the {left} that totalTimeout left to this attempt")
    return Failure("Timeout", f"the handler did not end within its timeout of {duration.render(timeout)}")


def _type_name(error: BaseException) -> str:
    kind = type(error)
    return (
        kind.__qualname__ if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}.{kind.__qualname__}"
    )


def _message(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"the handler called sys.exit({error.code!r:.100}); return, or raise an error"
    try:
        return str(error)[: bounds.MESSAGE]
    except BaseException as other:  # noqa: BLE001 - __str__ is a person's code, and sys.exit is possible in it
        return f"<its __str__ raised {_type_name(other)}>"


def _traceback(error: BaseException) -> str:
    try:
        shown = traceback.TracebackException(
            type(error), error, _own(error.__traceback__), limit=-FRAMES, compact=True, max_group_width=5
        )
        return "".join(line if len(line) <= LINE else f"{line[:LINE]}…\n" for line in shown.format())
    except BaseException as other:  # noqa: BLE001 - formatting asks the exception's own methods
        return f"<no traceback: formatting it raised {_type_name(other)}>"


def _own(trace: TracebackType | None) -> TracebackType | None:
    """The traceback without the worker's frames before the handler's."""
    at = trace
    while at is not None and at.tb_frame.f_globals.get("__name__", "").startswith("kronstream.worker."):
        if at.tb_frame.f_globals["__name__"].startswith("kronstream.worker.handlers."):
            break
        at = at.tb_next
    return at or trace
