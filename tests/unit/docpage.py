"""A page of the documentation, taken apart: its fenced blocks and its tables, each with the heading it stands under."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCHEDULES = ROOT / "docs" / "schedules.md"


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its lines, the heading above it and its first line's number (from 1)."""

    language: str
    lines: tuple[str, ...]
    heading: str
    line: int

    @property
    def text(self) -> str:
        """The lines as one text."""
        return "\n".join(self.lines) + "\n"


@dataclass(frozen=True)
class Table:
    """A table: the names of its columns and the cells of its rows, without blanks around them."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    heading: str


def blocks(path: Path = SCHEDULES) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found: list[Block] = []
    heading, language, begin, lines = "", None, 0, list[str]()
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if not line.startswith("```"):
            heading = line.lstrip("# ") if language is None and line.startswith("#") else heading
            lines.append(line)
        elif language is None:
            language, begin, lines = line[3:], number + 1, []
        else:
            found.append(Block(language, tuple(lines), heading, begin))
            language = None
    return found


def tables(path: Path = SCHEDULES) -> list[Table]:
    """The tables of a page, in order."""
    found: list[Table] = []
    heading, rows, fenced = "", list[tuple[str, ...]](), False
    for line in [*path.read_text("utf-8").splitlines(), ""]:
        fenced ^= line.startswith("```")
        if line.startswith("|") and not fenced:
            rows.append(cells(line))
            continue
        if rows:
            found.append(Table(rows[0], tuple(rows[2:]), heading))
            rows = []
        heading = line.lstrip("# ") if line.startswith("#") and not fenced else heading
    return found


def table(heading: str, number: int = 0) -> Table:
    """The table under a heading; of several, the one with the number."""
    return [one for one in tables() if one.heading == heading][number]


def cells(line: str) -> tuple[str, ...]:
    """The cells of a row; a bar in a cell is written with a backslash before it."""
    return tuple(cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip().strip("|")))


def code(cell: str) -> str:
    """The code in a cell, without its quotes."""
    found = re.fullmatch(r"(`+) ?(.*?) ?\1", cell)
    assert found is not None, f"{cell!r} is no code"
    return found[2]
