"""Secrets: read once for many, forgotten after seconds, and never told."""

from __future__ import annotations

import asyncio
import base64
import traceback
from typing import Any

import pytest

from kronstream.cluster.api import ApiError
from kronstream.resources.secretref import SecretRef
from kronstream.worker.http.secrets import KEEP, KEPT, Secrets
from kronstream.worker.rulings import Fault

pytestmark = pytest.mark.anyio

TOKEN = SecretRef(name="api", key="token")
CANNOT_IMPERSONATE = (
    'serviceaccounts "bot" is forbidden: User "system:serviceaccount:kronstream-system:kronstream-worker" cannot '
    'impersonate resource "serviceaccounts" in API group "" in the namespace "shop"'
)
CANNOT_GET = (
    'secrets "api" is forbidden: User "system:serviceaccount:shop:bot" cannot get resource "secrets" in API group "" '
    'in the namespace "shop"'
)


class Cluster:
    """Answers with `answer`, once `gate` is set; notes what was asked."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer if answer is not None else secret(token=b"Bearer abc")
        self.asked: list[tuple[Any, ...]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def api(self) -> Any:
        return self

    async def send(self, method: str, path: str, account: Any = None) -> Any:
        self.asked.append((method, path, account))
        await self.gate.wait()
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def secret(**data: bytes) -> dict[str, Any]:
    return {"data": {key: base64.b64encode(value).decode() for key, value in data.items()}}


async def test_it_is_read_as_the_jobs_account_and_kept_for_seconds() -> None:
    cluster, clock = Cluster(), Clock()
    secrets = Secrets(cluster, clock)

    assert await secrets.value("shop", "bot", TOKEN) == "Bearer abc"
    clock.now += KEEP - 0.1
    assert await secrets.value("shop", "bot", TOKEN) == "Bearer abc"
    assert cluster.asked == [("GET", "/api/v1/namespaces/shop/secrets/api", ("shop", "bot"))]

    cluster.answer = secret(token=b"Bearer new")
    clock.now += 0.1
    assert await secrets.value("shop", "bot", TOKEN) == "Bearer new"
    assert len(cluster.asked) == 2


async def test_another_account_or_namespace_reads_for_itself() -> None:
    cluster = Cluster()
    secrets = Secrets(cluster, Clock())
    for namespace, account in (("shop", "bot"), ("shop", "default"), ("other", "bot")):
        await secrets.value(namespace, account, TOKEN)

    assert [account for _, _, account in cluster.asked] == [("shop", "bot"), ("shop", "default"), ("other", "bot")]


async def test_many_read_it_once_and_one_that_is_cancelled_harms_no_other() -> None:
    cluster = Cluster()
    cluster.gate.clear()
    secrets = Secrets(cluster, Clock())
    first, *others = [asyncio.create_task(secrets.value("shop", "bot", TOKEN)) for _ in range(5)]
    while not cluster.asked:
        await asyncio.sleep(0)
    first.cancel()
    cluster.gate.set()

    assert await asyncio.gather(*others) == ["Bearer abc"] * 4
    assert first.cancelled()
    assert len(cluster.asked) == 1


async def test_what_is_kept_is_bounded() -> None:
    cluster = Cluster()
    secrets = Secrets(cluster, Clock())
    for number in range(KEPT + 1):
        await secrets.value(f"n{number}", "bot", TOKEN)
    await secrets.value(f"n{KEPT}", "bot", TOKEN)
    await secrets.value("n0", "bot", TOKEN)

    assert len(cluster.asked) == KEPT + 2


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (ApiError(404, 'secrets "api" not found'), "SecretMissing", "the Secret shop/api does not exist; create it"),
        (ApiError(403, CANNOT_GET), "SecretForbidden", "the job's service account bot may not; give it the verb get"),
        (ApiError(403, CANNOT_IMPERSONATE), "SecretForbidden", "may not impersonate the service account shop/bot"),
        (ApiError(500, "etcd is away"), "SecretUnreadable", "cannot be read: 500: etcd is away"),
        (ConnectionRefusedError(111, "refused"), "SecretUnreadable", "the Kubernetes API is away"),
        (RuntimeError("no configuration"), "SecretUnreadable", "no configuration"),
        (secret(other=b"hunter2", more=b"hunter2"), "SecretUnusable", "has no key 'token'; its keys are: more, other"),
        ({"data": None}, "SecretUnusable", "its keys are: none"),
        (secret(token=b"\xff\xfehunter2"), "SecretUnusable", "the key 'token' of the Secret shop/api is not UTF-8"),
    ],
)
async def test_what_goes_wrong_names_the_secret_and_what_is_missing(answer: Any, kind: str, says: str) -> None:
    cluster = Cluster(answer)
    secrets = Secrets(cluster, Clock())

    with pytest.raises(Fault) as caught:
        await secrets.value("shop", "bot", TOKEN)

    assert (caught.value.kind, caught.value.permanent) == (kind, False)
    assert says in str(caught.value)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


async def test_a_failure_is_not_kept() -> None:
    cluster = Cluster(ApiError(404, "not found"))
    secrets = Secrets(cluster, Clock())
    with pytest.raises(Fault):
        await secrets.value("shop", "bot", TOKEN)

    cluster.answer = secret(token=b"Bearer abc\r\n")

    assert await secrets.value("shop", "bot", TOKEN) == "Bearer abc"
