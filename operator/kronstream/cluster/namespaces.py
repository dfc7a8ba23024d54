"""Namespaces on the API server: whether there is one, and since when."""

from dataclasses import dataclass
from urllib.parse import quote

from kronstream.cluster.api import ApiError, ClusterApi
from kronstream.resources import instant
from kronstream.resources.meta import ending

METADATA = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace; ``created`` in milliseconds, whole seconds of the API server's clock. What is ``ending`` cannot come
    back: only another one of its name can."""

    created: int
    ending: bool


class Namespaces:
    """Reads namespaces. All calls raise what ClusterApi raises."""

    def __init__(self, api: ClusterApi) -> None:
        self._api = api

    async def get(self, name: str) -> Namespace | None:
        """One namespace, None when there is none."""
        try:
            found = await self._api.send("GET", f"/api/v1/namespaces/{quote(name)}", accept=METADATA)
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        meta = found["metadata"]
        return Namespace(instant.parse(meta["creationTimestamp"]), ending(meta))
