"""Fixtures of the tests of requests, and of the HTTP API; a file with a bench of another kind has its own."""

from collections.abc import AsyncIterator

import pytest

from unit.apibench import ApiBench
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


@pytest.fixture(name="bench")
async def api_bench() -> AsyncIterator[ApiBench]:
    made = ApiBench()
    yield made
    await made.close()


@pytest.fixture
async def guarded() -> AsyncIterator[ApiBench]:
    made = ApiBench(guarded=True)
    yield made
    await made.close()
