"""Hypothesis walks through lives of runs: Redis and the store in memory never differ, and never break a rule."""

from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from contract.machine import RunMachine


def test_redis_does_what_the_model_does(redis_socket: Path) -> None:
    run_state_machine_as_test(
        lambda: RunMachine(redis_socket),
        settings=settings(
            max_examples=80,
            stateful_step_count=40,
            deadline=None,
            phases=(Phase.reuse, Phase.generate),  # to shrink takes minutes
            suppress_health_check=list(HealthCheck),
        ),
    )
