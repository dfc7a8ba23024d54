"""One table a benchmark, printed and written as JSON."""

import json
import platform
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

FOLDER = Path(__file__).parent / "results"


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
        Console(width=140).print(table)
        FOLDER.mkdir(exist_ok=True)
        rows = [dict(zip(("what", "value", "unit", "ratio", "note"), row, strict=True)) for row in self.rows]
        text = json.dumps({"benchmark": self.name, "machine": platform.platform(), "rows": rows}, indent=2)
        (FOLDER / f"{self.name}.json").write_text(text + "\n")
