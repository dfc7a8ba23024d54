"""Names: from what a person calls a job to a name that a resource may have."""

from __future__ import annotations

import re
import unicodedata
from hashlib import blake2b

LONGEST = 52
"""Characters of a derived name; what is put behind it to make it unique has 7 more, so that it fits a label."""
_OTHER = re.compile(r"[^a-z0-9]+")


def derived(text: str) -> str:
    """A resource's name for a text: `Daily Cleanup` is `daily-cleanup`; one of which nothing is left is `job`."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return _OTHER.sub("-", plain).strip("-")[:LONGEST].strip("-") or "job"


def unique(name: str, seed: str) -> str:
    """The name with six digits behind it that stand for the seed."""
    return f"{name}-{blake2b(seed.encode('utf-8', 'surrogatepass'), digest_size=3).hexdigest()}"
