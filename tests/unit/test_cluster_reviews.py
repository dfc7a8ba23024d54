"""TokenReviews: whom a token must be for."""

from typing import Any, cast

import pytest

from kronstream.cluster.api import ClusterApi
from kronstream.cluster.reviews import ClusterReviews
from kronstream.ports.reviews import Caller

pytestmark = pytest.mark.anyio


class Cluster:
    """Answers every review with one status; what was asked last is ``spec``."""

    def __init__(self, *audiences: str) -> None:
        self.spec: dict[str, Any] = {}
        self._status = {"authenticated": True, "user": {"username": "anna"}, "audiences": list(audiences)}

    async def send(self, _method: str, _path: str, review: dict[str, Any]) -> dict[str, Any]:
        self.spec = review["spec"]
        return {"status": self._status}


@pytest.mark.parametrize(
    ("wanted", "told", "good"),
    [
        ((), (), True),
        ((), ("https://kubernetes",), True),
        (("kronstream", "b"), ("b",), True),
        (("kronstream", "b"), ("https://kubernetes",), False),
        (("kronstream",), (), False),
    ],
)
async def test_a_token_must_be_for_one_of_the_audiences(
    wanted: tuple[str, ...], told: tuple[str, ...], good: bool
) -> None:
    cluster = Cluster(*told)
    found = await ClusterReviews(cast("ClusterApi", cluster), wanted).authenticate("t")
    assert found == (Caller("anna") if good else None)
    assert cluster.spec == {"token": "t"} | ({"audiences": list(wanted)} if wanted else {})
