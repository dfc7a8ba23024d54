"""JobStore on the API server."""

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

from kronstream.cluster import refusal
from kronstream.cluster.api import JSON_PATCH, ApiError, ClusterApi
from kronstream.cluster.resources import GROUP, VERSION
from kronstream.ports.jobstore import Object, StoreAway, StoreRefusal, StoreWord

Answer = TypeVar("Answer")

MANAGER = "fieldManager=kronstream-api&fieldValidation=Strict"


class ClusterJobStore:
    """Jobs with this process's rights: whoever asks was judged before."""

    def __init__(self, api: ClusterApi) -> None:
        self._api = api

    async def create(self, job: Object) -> Object:
        """See JobStore."""
        path = f"{_path(job['metadata']['namespace'])}?{MANAGER}"
        return dict(await _judged(self._api.send("POST", path, job)))

    async def get(self, namespace: str, name: str) -> Object | None:
        """See JobStore."""
        try:
            return dict(await _judged(self._api.send("GET", _path(namespace, name))))
        except StoreRefusal as refused:
            if refused.word is StoreWord.GONE:
                return None
            raise

    async def change(self, namespace: str, name: str, uid: str, changes: Sequence[Mapping[str, Any]]) -> Object:
        """See JobStore."""
        steps = [{"op": "test", "path": "/metadata/uid", "value": uid}, *changes]
        path = f"{_path(namespace, name)}?{MANAGER}"
        return dict(await _judged(self._api.send("PATCH", path, steps, kind=JSON_PATCH)))

    async def delete(self, namespace: str, name: str, uid: str) -> None:
        """See JobStore."""
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": {"uid": uid},
        }
        try:
            await _judged(self._api.send("DELETE", _path(namespace, name), options, want=False))
        except StoreRefusal as refused:
            if refused.word not in (StoreWord.GONE, StoreWord.CHANGED):
                raise


async def _judged(request: Awaitable[Answer]) -> Answer:
    try:
        return await request
    except (ApiError, OSError, TimeoutError) as error:
        if refusal.away(error) or not isinstance(error, ApiError):
            raise StoreAway(str(error) or type(error).__name__) from None
        raise StoreRefusal(_word(error), str(error).partition(": ")[2]) from None


def _word(error: ApiError) -> StoreWord:
    message = str(error)
    if error.status == 404:
        return StoreWord.GONE
    if error.status == 409:
        return StoreWord.EXISTS if "already exists" in message else StoreWord.CHANGED
    if error.status == 422 and "test operation" in message.lower().replace("testing", "test operation"):
        return StoreWord.CHANGED
    return StoreWord.INVALID if refusal.faulty(error) else StoreWord.FORBIDDEN


def _path(namespace: str, name: str = "") -> str:
    path = f"/apis/{GROUP}/{VERSION}/namespaces/{quote(namespace, safe='')}/scheduledjobs"
    return path + (f"/{quote(name, safe='')}" if name else "")
