"""Names in a message, of which there may be many."""

from collections.abc import Sequence


def some(names: Sequence[str], most: int) -> str:
    """The first names between commas, and how many more there are; '' where there is none."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
