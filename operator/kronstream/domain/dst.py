"""What a wall-clock time means on the days when the clocks change."""

from typing import Literal

# times that do not exist: once at the first instant after the gap, together, or not at all
Gap = Literal["RunAfter", "Skip"]
# times that exist twice: at the first pass, or at both
Repeat = Literal["First", "Both"]
