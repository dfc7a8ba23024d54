"""The page about sizing names bounds and settings as they are."""

from pathlib import Path

from kronstream.resources.history import History
from kronstream.setting import read_settings
from kronstream.settings import OperatorSettings, WorkerSettings

PAGE = Path(__file__).parents[2].joinpath("docs/sizing.md").read_text(encoding="utf-8")


def test_settings_are_as_shipped() -> None:
    operator = read_settings(OperatorSettings, {})
    worker = read_settings(WorkerSettings, {})

    assert f"{operator.status_rate} a second sustained" in PAGE
    assert f"bursts of {operator.status_burst:,} up to {operator.status_peak} a second" in PAGE
    assert f"(`--concurrency {worker.concurrency}`)" in PAGE


def test_bounds_are_as_they_are() -> None:
    history = History()

    assert f"keep {history.successful} successes and {history.failed} failures each, as shipped" in PAGE
