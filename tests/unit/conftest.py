"""Fixtures of the tests of requests."""

from collections.abc import AsyncIterator

import pytest

from unit.httpbench import SECRETS, Bench, bench
from unit.httpreceiver import Receiver


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    await receiver.start()
    yield receiver
    await receiver.stop()


@pytest.fixture
async def http(receiver: Receiver) -> AsyncIterator[Bench]:
    made = bench(receiver, secrets=SECRETS)
    yield made
    await made.kind.close()
