"""One table a benchmark, printed and written as JSON."""

import json
import math
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

FOLDER = Path(__file__).parent / "results"


def judged(value: float, *, at_least: float | None = None, below: float | None = None) -> str:
    """Whether a value reaches its goal, in words; of the two goals one is given."""
    if at_least is not None:
        return f"goal ≥ {at_least:g}: {'reached' if value >= at_least else 'MISSED'}"
    assert below is not None, "a goal is needed"
    return f"goal < {below:g}: {'reached' if value < below else 'MISSED'}"


def spread(values: Sequence[float]) -> str:
    """The least and the greatest of several measurements, in words."""
    return f"{len(values)} times, {min(values):,.4g} to {max(values):,.4g}"


def middle(values: Sequence[float]) -> float:
    """The median; raises statistics.StatisticsError for none."""
    return statistics.median(values)


def share_of(values: Sequence[float], share: float) -> float:
    """The value that `share` (0..1) of the values do not exceed, the nearest rank; raises ValueError for none."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(round(share * len(ordered), 6)) - 1)]


@dataclass
class Report:
    """Rows of (what, value, unit, ratio to the limit or None, note)."""

    name: str
    title: str
    rows: list[tuple[str, float, str, float | None, str]] = field(default_factory=list)

    def add(self, what: str, value: float, unit: str, ratio: float | None = None, note: str = "") -> None:
        self.rows.append((what, value, unit, ratio, note))

    def show(self) -> None:
        table = Table(title=self.title, title_justify="left")
        for column in ("what", "value", "unit", "ratio", "note"):
            table.add_column(column, justify="right" if column in {"value", "ratio"} else "left")
        for what, value, unit, ratio, note in self.rows:
            table.add_row(what, f"{value:,.3f}", unit, "" if ratio is None else f"{ratio:.2f}", note)
        Console(width=160).print(table)
        FOLDER.mkdir(exist_ok=True)
        rows = [dict(zip(("what", "value", "unit", "ratio", "note"), row, strict=True)) for row in self.rows]
        text = json.dumps({"benchmark": self.name, "machine": platform.platform(), "rows": rows}, indent=2)
        (FOLDER / f"{self.name}.json").write_text(text + "\n")
