"""Reviews on the API server: TokenReview and SubjectAccessReview."""

from typing import Any

from kronstream.cluster.api import ApiError, ClusterApi
from kronstream.ports.jobstore import StoreAway
from kronstream.ports.reviews import GROUP, Caller, Right

TOKENS = "/apis/authentication.k8s.io/v1/tokenreviews"
ACCESS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"


class ClusterReviews:
    """Reviews with this process's right to create them. A token must be for one of ``audiences``; where there are
    none, for the API server."""

    def __init__(self, api: ClusterApi, audiences: tuple[str, ...] = ()) -> None:
        self._api = api
        self._audiences = audiences

    async def authenticate(self, token: str) -> Caller | None:
        """See Reviews."""
        spec = {"token": token} | ({"audiences": list(self._audiences)} if self._audiences else {})
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec}
        status = await self._review(TOKENS, review)
        user = status.get("user") or {}
        if not status.get("authenticated") or not user.get("username"):
            return None
        # an authenticator that knows no audiences names none: its tokens are for whoever hears them
        if self._audiences and not set(self._audiences) & set(status.get("audiences") or ()):
            return None
        extra = {str(name): tuple(values or ()) for name, values in (user.get("extra") or {}).items()}
        return Caller(user["username"], user.get("uid", ""), tuple(user.get("groups") or ()), extra)

    async def allows(self, caller: Caller, right: Right) -> bool:
        """See Reviews."""
        attributes = {
            "group": GROUP,
            "version": "*",
            "verb": right.verb,
            "resource": right.resource,
            "subresource": right.subresource,
            "namespace": right.namespace,
            "name": right.name,
        }
        spec = {
            "user": caller.name,
            "uid": caller.uid,
            "groups": list(caller.groups),
            "extra": {name: list(values) for name, values in caller.extra.items()},
            "resourceAttributes": {name: value for name, value in attributes.items() if value},
        }
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
        status = await self._review(ACCESS, review)
        return bool(status.get("allowed")) and not status.get("denied")

    async def _review(self, path: str, review: dict[str, Any]) -> dict[str, Any]:
        try:
            return dict((await self._api.send("POST", path, review)).get("status") or {})
        except ApiError as error:
            # its message may repeat what was sent
            raise StoreAway(f"the API server refuses to review who calls ({error.status})") from None
        except (OSError, TimeoutError) as error:
            raise StoreAway(f"the API server is away: {type(error).__name__}") from None
