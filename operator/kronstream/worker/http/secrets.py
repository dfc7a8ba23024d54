"""Secrets of a job's namespace, read by the rights of the job's service account and kept for some seconds."""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Protocol
from urllib.parse import quote

from kronstream.cluster.api import ApiError, ClusterApi
from kronstream.resources.secretref import SecretRef
from kronstream.worker.rulings import Fault

KEEP = 10.0  # seconds
KEPT = 256  # Secrets; the one read longest ago goes first

Key = tuple[str, str, str]
Content = Mapping[str, str]


class Connecting(Protocol):
    """Gives the client of the cluster."""

    async def api(self) -> ClusterApi:
        """The client."""
        ...


class Secrets:
    """Reads Secrets. `clock` gives seconds that only grow."""

    def __init__(self, cluster: Connecting, clock: Callable[[], float] = time.monotonic) -> None:
        self._cluster = cluster
        self._clock = clock
        self._read: OrderedDict[Key, tuple[float, asyncio.Task[Content]]] = OrderedDict()

    async def value(self, namespace: str, account: str, ref: SecretRef) -> str:
        """The text under a key of a Secret, without a final line end. Raises Fault, which never tells the content."""
        where = f"the Secret {namespace}/{ref.name}"
        content = await self._content((namespace, account, ref.name), where)
        found = content.get(ref.key)
        if found is None:
            keys = ", ".join(sorted(content)[:8]) or "none"
            raise Fault(
                "SecretUnusable", f"{where} has no key {ref.key!r}; its keys are: {keys}", codes=("secret:key",)
            )
        try:
            text = base64.b64decode(found, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            fault = f"the key {ref.key!r} of {where} is not UTF-8 text"
            raise Fault("SecretUnusable", fault, codes=("secret:key",)) from None
        return text.removesuffix("\n").removesuffix("\r")

    async def _content(self, key: Key, where: str) -> Content:
        now = self._clock()
        entry = self._read.get(key)
        if entry is None or entry[0] <= now:
            # many runs at once read it once; one that is cancelled leaves the others their answer
            entry = (now + KEEP, asyncio.create_task(self._fetch(key)))
            entry[1].add_done_callback(_looked_at)
            self._read[key] = entry
            self._read.move_to_end(key)
            while len(self._read) > KEPT:
                self._read.popitem(last=False)
        try:
            return await asyncio.shield(entry[1])
        except ApiError as error:
            self._forget(key, entry)
            raise _refused(error, key, where) from None
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - where there is no cluster, the configuration has errors of its own
            self._forget(key, entry)
            fault = f"{where} cannot be read: the Kubernetes API is away ({type(error).__name__}: {str(error)[:300]})"
            raise Fault("SecretUnreadable", fault, codes=("secret:unavailable",)) from None

    def _forget(self, key: Key, entry: object) -> None:
        if self._read.get(key) is entry:
            del self._read[key]

    async def _fetch(self, key: Key) -> Content:
        namespace, account, name = key
        api = await self._cluster.api()
        path = f"/api/v1/namespaces/{quote(namespace, safe='')}/secrets/{quote(name, safe='')}"
        answer = await api.send("GET", path, account=(namespace, account))
        data = answer.get("data") if isinstance(answer, dict) else None
        return data if isinstance(data, dict) else {}


def _looked_at(task: asyncio.Task[Content]) -> None:
    """Whoever wanted it may have been cancelled: its failure is nobody's then, and no warning in the log."""
    if not task.cancelled():
        task.exception()


def _refused(error: ApiError, key: Key, where: str) -> Fault:
    namespace, account, name = key
    codes = (f"secret:{error.status}",)
    if error.status == 404:
        return Fault("SecretMissing", f"{where} does not exist; create it in the job's namespace", codes=codes)
    if error.status == 403 and "impersonate" in str(error):
        return Fault(
            "SecretForbidden",
            f"{where} cannot be read: the workers' service account may not impersonate the service account "
            f"{namespace}/{account}; an administrator gives it the verb impersonate on serviceaccounts",
            codes=codes,
        )
    if error.status == 403:
        return Fault(
            "SecretForbidden",
            f"{where} cannot be read: the job's service account {account} may not; give it the verb get on the Secret, "
            f"as by: kubectl -n {namespace} create role read-{name} --verb=get --resource=secrets "
            f"--resource-name={name} && kubectl -n {namespace} create rolebinding read-{name} --role=read-{name} "
            f"--serviceaccount={namespace}:{account}",
            codes=codes,
        )
    return Fault("SecretUnreadable", f"{where} cannot be read: {str(error)[:300]}", codes=codes)
