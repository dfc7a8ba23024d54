"""A short soak: what `make soak` does for ten minutes, without freezes that outlast a lease."""

import asyncio
import random
from pathlib import Path

import pytest

from integration.chaos.verdict import nothing_wrong
from soak.audit import faults
from soak.report import report
from soak.storm import Weather
from soak.trial import Plan, Trial

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300)]

SECONDS, SCALE = 25, 0.3


def test_workers_and_redis_come_and_go_under_a_mixed_load(tmp_path: Path) -> None:
    weather = Weather(pause=(3, 7), short=(1, 3), long=None)
    trial = Trial(tmp_path, Plan(SECONDS, random.randrange(10**6), SCALE, weather))
    print(f"SEED={trial.plan.seed}")
    found = asyncio.run(trial.run())
    print(report(found))
    assert len(found.ends) > SECONDS * SCALE * 100
    assert found.harms
    nothing_wrong(faults(found))
