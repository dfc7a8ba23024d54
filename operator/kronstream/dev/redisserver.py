"""The Redis server on PATH."""

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from kronstream.dev.errors import DevError

OLDEST = 7
ADVICE = (
    "Install one: `apt-get install redis-server` (Debian 12, Ubuntu 24.04 and newer), `dnf install valkey`, "
    "or `brew install redis`."
)


def find_redis(environ: Mapping[str, str]) -> Path:
    """The first of redis-server and valkey-server that is new enough. Raises DevError with what to install."""
    refused = []
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name, path=environ.get("PATH"))
        if found is None:
            continue
        version = major_version(Path(found))
        if version is not None and version >= OLDEST:
            return Path(found)
        refused.append(f"{found} is version {version or 'unknown'}")
    seen = f" ({'; '.join(refused)})" if refused else ""
    raise DevError(f"kronstream needs redis-server {OLDEST} or newer, or valkey-server, on PATH{seen}.\n{ADVICE}")


def major_version(server: Path) -> int | None:
    """The first number of the version that the server tells, or None when it tells none."""
    try:
        answer = subprocess.run([server, "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"\bv=(\d+)\.", answer.stdout)
    return int(match[1]) if match else None
