"""The pytest plugin: the fixtures `kronstream_run` and `kronstream_run_async`. It imports nothing until one is used."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from kronstream.worker.trial import Trial


@pytest.fixture
def kronstream_run() -> Callable[..., Trial]:
    """Runs one attempt of a handler: `kronstream_run("cleanup:old_traces", {"retention_days": 30}, attempt=2)`."""
    from kronstream.worker.trial import run_handler  # noqa: PLC0415 - late: pytest starts as fast as without it

    return run_handler


@pytest.fixture
def kronstream_run_async() -> Callable[..., Awaitable[Trial]]:
    """As `kronstream_run`, to be awaited in an async test."""
    from kronstream.worker.trial import run_handler_async  # noqa: PLC0415 - as above

    return run_handler_async
