"""Whether every package that requirements.lock names has a licence that fits Apache-2.0, by its own metadata.

Exit code 0, or 1 with a line for each that does not. Asks no network: the packages must be installed.
"""

import re
import sys
from collections.abc import Iterator
from email.message import Message
from importlib import metadata
from pathlib import Path
from typing import cast

from packaging.requirements import Requirement

LOCK = Path(__file__).parents[1] / "requirements.lock"
ALLOWED = frozenset(
    ("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "MPL-2.0", "PSF-2.0", "Unlicense")
)
# what older metadata writes for them
WORDS = {
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}


def licence_of(about: Message) -> str:
    """The licence as an expression of SPDX, as far as the metadata of a package tells; '' where it tells none."""
    said = about.get("License-Expression") or about.get("License") or ""
    if said and len(said) < 80 and "\n" not in said:
        return WORDS.get(said, said)
    classified = [text.split(" :: ")[-1] for text in about.get_all("Classifier", []) if text.startswith("License ::")]
    return " AND ".join(WORDS.get(one, one) for one in classified if one != "OSI Approved")


def fits(expression: str) -> bool:
    """Whether one of the alternatives has nothing but licences that are allowed."""
    alternatives = re.sub(r"[()]", "", expression).split(" OR ")
    return any(all(one.strip() in ALLOWED for one in choice.split(" AND ")) for choice in alternatives)


def faults(lock: str) -> Iterator[str]:
    """What is wrong with the packages of a lock file; those that this platform does not need are passed over."""
    for line in lock.splitlines():
        if not re.match(r"[A-Za-z0-9]", line):
            continue
        needed = Requirement(line.rstrip(" \\"))
        if needed.marker is not None and not needed.marker.evaluate():
            continue
        try:
            licence = licence_of(cast("Message", metadata.metadata(needed.name)))
        except metadata.PackageNotFoundError:
            yield f"{needed.name}: is not installed; run `make setup`"
            continue
        if not fits(licence):
            yield f"{needed.name}: licence {licence or 'unknown'} is not among {', '.join(sorted(ALLOWED))}"


if __name__ == "__main__":
    found = list(faults(LOCK.read_text(encoding="utf-8")))
    sys.exit("\n".join(found) or 0)
