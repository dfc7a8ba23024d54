"""Texts as a store keeps them."""


def storable(text: str) -> str:
    """What is not valid Unicode is replaced."""
    return text.encode("utf-8", "replace").decode("utf-8")


def storable_or_none(text: str | None) -> str | None:
    """As ``storable``; None stays None."""
    return None if text is None else storable(text)
