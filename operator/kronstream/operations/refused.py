"""Why something that was asked for is not done."""

from enum import StrEnum


class Why(StrEnum):
    """What kind of refusal: ``conflict`` may go away by itself, ``gone`` and ``invalid`` do not."""

    GONE = "gone"
    CONFLICT = "conflict"
    INVALID = "invalid"
    AWAY = "away"
    FORBIDDEN = "forbidden"


class Refused(Exception):  # noqa: N818 - a verdict, not a fault of the program
    """``why`` is for programs, the text for people; ``reason`` is the reason of a run that was skipped at once."""

    def __init__(self, why: Why, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.why = why
        self.reason = reason


def no_letter(letter: str) -> Refused:
    """There is no such dead letter."""
    why = "it was replayed or dropped, or is so old that others took its place"
    return Refused(Why.GONE, f"there is no dead letter {letter[:80]}: {why}")


def no_backfill(backfill: str) -> Refused:
    """There is no such backfill."""
    return Refused(Why.GONE, f"there is no backfill {backfill[:80]}, or it ended more than a week ago")


def gone(what: str) -> Refused:
    """Nothing of that name is known."""
    return Refused(Why.GONE, f"{what} is not known; it was deleted, or no operator has taken it into force yet")
