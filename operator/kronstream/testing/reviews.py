"""Reviews and jobs in memory, for tests without a cluster."""

import copy
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import uuid4

from kronstream.ports.jobstore import Object, StoreRefusal, StoreWord
from kronstream.ports.reviews import Caller, Right
from kronstream.testing.clock import Clock


class MemoryReviews:
    """Tokens and what their callers may do; ``fault`` is raised by every call while it is set."""

    def __init__(self) -> None:
        self.callers: dict[str, Caller] = {}
        self.rights: dict[str, set[Right]] = {}
        self.fault: Exception | None = None
        self.asked: list[Right] = []
        self.authenticated = 0

    def grant(self, token: str, name: str, *rights: Right) -> None:
        """A token of somebody, with exactly these rights."""
        self.callers[token] = Caller(name)
        self.rights[name] = set(rights)

    async def authenticate(self, token: str) -> Caller | None:
        """See Reviews."""
        self._refuse()
        self.authenticated += 1
        return self.callers.get(token)

    async def allows(self, caller: Caller, right: Right) -> bool:
        """See Reviews."""
        self._refuse()
        self.asked.append(right)
        wider = (right, Right(right.verb, right.resource, right.subresource, right.namespace),
                 Right(right.verb, right.resource, right.subresource))  # fmt: skip
        return any(one in self.rights.get(caller.name, ()) for one in wider)

    def _refuse(self) -> None:
        if self.fault is not None:
            raise self.fault


class MemoryJobStore:
    """JobStore over a dict; ``told`` hears each change as a watch would; ``fault`` is raised while it is set."""

    def __init__(self, clock: Clock, namespaces: Sequence[str] = ("default",)) -> None:
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}
        self.fault: Exception | None = None
        self.namespaces = set(namespaces)
        self._clock = clock
        self._versions = count(1)

    async def create(self, job: Object) -> Object:
        """See JobStore."""
        self._refuse()
        meta = job["metadata"]
        where = meta["namespace"], meta["name"]
        if where[0] not in self.namespaces:
            raise StoreRefusal(StoreWord.GONE, f'namespaces "{where[0]}" not found')
        if where in self.objects:
            raise StoreRefusal(StoreWord.EXISTS, f"{where[1]} already exists")
        stamp = datetime.fromtimestamp(self._clock() // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        made = {**meta, "uid": str(uuid4()), "generation": 1, "creationTimestamp": stamp}
        self.objects[where] = copy.deepcopy({**job, "metadata": {**made, "resourceVersion": self._version()}})
        return copy.deepcopy(self.objects[where])

    async def get(self, namespace: str, name: str) -> Object | None:
        """See JobStore."""
        self._refuse()
        return copy.deepcopy(self.objects.get((namespace, name)))

    async def change(self, namespace: str, name: str, uid: str, changes: Sequence[Mapping[str, Any]]) -> Object:
        """See JobStore; steps of the spec's own fields."""
        self._refuse()
        found = self.objects.get((namespace, name))
        if found is None:
            raise StoreRefusal(StoreWord.GONE, f"{name} not found")
        if found["metadata"]["uid"] != uid:
            raise StoreRefusal(StoreWord.CHANGED, "another object has this name")
        for step in changes:
            self._step(found, step)
        found["metadata"] |= {"resourceVersion": self._version(), "generation": found["metadata"]["generation"] + 1}
        return copy.deepcopy(found)

    async def delete(self, namespace: str, name: str, uid: str) -> None:
        """See JobStore."""
        self._refuse()
        found = self.objects.get((namespace, name))
        if found is not None and found["metadata"]["uid"] == uid:
            del self.objects[namespace, name]

    def _step(self, found: dict[str, Any], step: Mapping[str, Any]) -> None:
        *path, last = step["path"].strip("/").split("/")
        for name in path:
            found = found[name]
        if step["op"] == "test":
            if found.get(last) != step["value"]:
                raise StoreRefusal(StoreWord.CHANGED, f"{step['path']} is another")
        elif step["op"] == "remove":
            del found[last]
        else:
            found[last] = step["value"]

    def _version(self) -> str:
        return str(next(self._versions))

    def _refuse(self) -> None:
        if self.fault is not None:
            raise self.fault
