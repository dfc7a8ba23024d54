"""How deeply JSON is nested."""

from __future__ import annotations

LEVELS = 32
"""The most that anything of a resource or an event may have."""


def too_deep(value: object) -> bool:
    """Whether more than LEVELS lists and maps lie inside each other."""
    layer = [value]
    for _ in range(LEVELS + 1):
        layer = [
            child
            for node in layer
            if isinstance(node, (dict, list))
            for child in (node.values() if isinstance(node, dict) else node)
        ]
        if not layer:
            return False
    return True
