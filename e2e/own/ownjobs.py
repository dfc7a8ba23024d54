"""A package of functions, as users have them: in an image built on ours, or as a wheel that Pods install."""

from kronstream.handlers import handler


@handler("own:greet")
def greet(name: str) -> str:
    """Greets."""
    return f"hello, {name}"
