"""The Lua scripts: one file per transition, each behind what they share.

A script that says ``-- needs: admission`` gets that file, too.
"""

import re
from functools import lru_cache
from importlib import resources
from typing import Any

from redis.asyncio import Redis
from redis.commands.core import AsyncScript

from kronstream.streams.keys import Keys

SHARED = ("prelude", "outcomes", "gates", "slots", "ending")
_NEEDS = re.compile(r"^-- needs: (\w+)$", re.MULTILINE)


@lru_cache(maxsize=64)
def source(name: str) -> str:
    """Text of a script; a shebang line stays the first."""
    folder = resources.files("kronstream.streams") / "lua"
    body = (folder / f"{name}.lua").read_text()
    shared = "\n".join((folder / f"{part}.lua").read_text() for part in (*SHARED, *_NEEDS.findall(body)))
    if body.startswith("#!"):
        shebang, body = body.split("\n", 1)
        return f"{shebang}\n{shared}\n{body}"
    return f"{shared}\n{body}"


class Scripts:
    """Runs scripts by digest, loading one that the server does not know (a restart forgets them all)."""

    def __init__(self, redis: Redis, keys: Keys, group: str) -> None:
        self._redis = redis
        self._keys = keys
        self._group = group
        self._scripts: dict[str, AsyncScript] = {}

    def text(self, name: str) -> str:
        """What is run under a name."""
        return source(name)

    async def run(self, name: str, *args: str | int | bytes) -> Any:
        """Run a script with its arguments after the group; raises what redis-py raises."""
        script = self._scripts.get(name)
        if script is None:
            script = self._scripts[name] = self._redis.register_script(self.text(name))
        return await script(keys=[self._keys.base], args=[self._group, *args])
