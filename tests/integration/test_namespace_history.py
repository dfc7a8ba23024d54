"""The history of deleted jobs: told until it ends, and gone with its namespace."""

import asyncio
import json

from eventually import eventually
from integration.installation import Installation
from integration.objects import scheduled
from kronstream.dev.kubectl import Kubectl
from kronstream.ports import JobName
from kronstream.streams.connection import connect
from kronstream.streams.listing import RedisListing

NAMESPACE = "short-lived"


def make(kubectl: Kubectl) -> None:
    """The namespace, which kube-apiserver may still be about to forget."""
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    kubectl("create", "-f", "-", stdin=json.dumps(body))


def listed(installation: Installation, namespace: str) -> list[JobName]:
    """The jobs whose executions are listed."""

    async def read() -> list[JobName]:
        redis = connect(installation.plane.redis_url)
        try:
            return await RedisListing(redis, installation.keys).jobs(namespace, None, 100)
        finally:
            await redis.aclose()

    return asyncio.run(read())


def test_who_makes_a_namespace_of_the_name_of_another_sees_nothing_of_its_history(managed: Installation) -> None:
    kubectl = managed.plane.kubectl
    make(kubectl)
    old, other = managed.apply(
        scheduled("report", NAMESPACE, handler={"function": {"name": "echo"}}),
        scheduled("kept", "default", handler={"function": {"name": "echo"}}),
    )
    uids = [job["metadata"]["uid"] for job in (old, other)]
    eventually(lambda: all(managed.redis.exists(managed.keys.job(uid)) for uid in uids), within=10)
    runs = [managed.ask(lambda service, uid=uid: service.runs.run_now(uid, "once")).run for uid in uids]  # type: ignore[misc]
    eventually(lambda: all(managed.redis.hget(managed.keys.run(run), "st") == "success" for run in runs), within=10)

    managed.delete(other)
    eventually(lambda: managed.redis.exists(managed.keys.past(uids[1])), within=10)
    assert [job.uid for job in listed(managed, "default") if job.name == "kept"] == [uids[1]]

    kubectl("delete", "namespace", NAMESPACE, "--wait", "--timeout=60s")
    make(kubectl)
    eventually(lambda: not managed.redis.exists(managed.keys.run(runs[0])), within=20)
    assert listed(managed, NAMESPACE) == []
    assert not [key for key in managed.redis.scan_iter(f"*{uids[0]}*") if ":tomb:" not in key and ":work:" not in key
                and ":claim:" not in key]  # fmt: skip
    eventually(lambda: "1 execution(s) of its jobs were purged" in managed.log("operator-1"))
    assert managed.redis.exists(managed.keys.run(runs[1])), "of a namespace that is there nothing is purged"
    kubectl("delete", "namespace", NAMESPACE, "--wait=false")
