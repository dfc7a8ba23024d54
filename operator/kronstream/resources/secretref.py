"""A key of a Secret of the job's namespace."""

from __future__ import annotations

from typing import Annotated

from kronstream.resources.base import Part
from kronstream.resources.scalars import Words

SecretName = Annotated[
    str,
    Words(
        "a Secret's name",
        r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*",
        253,
        "write lower-case letters, digits, '-' and '.', with a letter or digit at both ends (253 at most), "
        "like api-token",
    ),
]
SecretKey = Annotated[
    str,
    Words("a key of a Secret", "[A-Za-z0-9_.-]+", 253, "write letters, digits and _ . - (253 at most), like token"),
]


class SecretRef(Part):
    """A key of a Secret of the job's namespace, read as the job's service account."""

    name: SecretName
    """The Secret's name."""
    key: SecretKey
    """The key whose value is meant."""
