"""`kronstream doctor`: looks at the installation, and says what to do."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from kronstream.cli.client.exits import visible
from kronstream.cli.options import settings_from, settings_options
from kronstream.settings import RedisSettings

if TYPE_CHECKING:
    from kronstream.cli.diagnosis import Finding
    from kronstream.cluster.api import ClusterApi

MARKS = {"ok": ("ok", "green"), "warning": ("look", "yellow"), "wrong": ("WRONG", "red")}
ACCESS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
JOBS = "/apis/kronstream.dev/v1/scheduledjobs"
AT_ONCE = 10


@click.command()
@settings_options(RedisSettings)
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def doctor(output: str, **flags: Any) -> None:
    """Check the installation: CRDs, rights, Redis and whose it is, clocks, workers, lag, dead letters, jobs.

    Redis and the cluster are asked themselves (KRONSTREAM_REDIS_URL, KUBECONFIG), so that it works where the API does
    not. To tell whether kronstream's service accounts have their rights takes `create subjectaccessreviews`.

    Exit codes: 0 nothing is wrong, 1 something is, 2 the command line cannot be used.
    """
    settings = settings_from(RedisSettings, flags)
    findings = asyncio.run(_look(settings))
    if output == "json":
        click.echo(json.dumps([asdict(one) for one in findings], indent=2, ensure_ascii=False))
    else:
        for one in findings:
            mark, colour = MARKS[one.level]
            click.echo(f"{click.style(f'{mark:7}', fg=colour)}{one.area}: {visible(one.text)}")
            if one.do:
                click.echo(f"{'':9}{visible(one.do)}")
    wrong = sum(one.level == "wrong" for one in findings)
    if output != "json":
        click.echo(f"{wrong} wrong, {sum(one.level == 'warning' for one in findings)} to look at", err=True)
    raise SystemExit(1 if wrong else 0)


async def _look(settings: RedisSettings) -> list[Finding]:
    cluster, queues, identity = await _cluster()
    return [*cluster, *await _redis(settings, queues, identity)]


async def _cluster() -> tuple[list[Finding], set[str], str]:
    """What is found in the cluster, the queues that jobs name, and which cluster it is: '' where that is not known."""
    from kronstream.cli.diagnosis import Finding, of_jobs
    from kronstream.cluster.api import ApiError, ClusterApi
    from kronstream.cluster.identity import cluster_id

    try:
        api = await ClusterApi.connect()
    except Exception as error:  # noqa: BLE001 - a configuration that cannot be read, told in a line
        return [Finding("Cluster", "wrong", f"cannot be used: {error}", "set KUBECONFIG")], set(), ""
    try:
        found = [*await _crds(api), *await _rights(api)]
        jobs = await api.pages(JOBS)
        return (
            [*found, of_jobs(jobs)],
            {str(job["spec"].get("queue") or "default") for job in jobs},
            await cluster_id(api),
        )
    except ApiError as error:
        do = "call as somebody who may list scheduledjobs"
        return [Finding("Cluster", "wrong", f"refuses: {error}", do)], set(), ""
    except (OSError, TimeoutError) as error:
        text = f"does not answer: {type(error).__name__}: {error}"
        return [Finding("Cluster", "wrong", text, "see KUBECONFIG")], set(), ""
    finally:
        await api.close()


async def _crds(api: ClusterApi) -> list[Finding]:
    from kronstream.cli.diagnosis import of_crd
    from kronstream.cluster.api import ApiError
    from kronstream.dev import manifests

    found = []
    for shipped in manifests.crds():
        try:
            found.append(of_crd(shipped, await api.send("GET", f"{CRD}/{shipped['metadata']['name']}")))
        except ApiError as error:
            if error.status != 404:
                raise
            found.append(of_crd(shipped, None))
    return found


async def _rights(api: ClusterApi) -> list[Finding]:
    """Each service account of `deploy/` is asked about, right by right: however its roles are called."""
    from kronstream.cli.diagnosis import Finding, of_rights
    from kronstream.cluster.api import ApiError

    gate = asyncio.Semaphore(AT_ONCE)

    async def missing(account: str, needed: list[dict[str, str]]) -> list[str]:
        async def allowed(attributes: dict[str, str]) -> bool:
            namespace, _, _name = account.partition(":")
            spec = {
                "user": f"system:serviceaccount:{account}",
                "groups": ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"],
                "resourceAttributes": attributes,
            }
            async with gate:
                answer = await api.send("POST", ACCESS, {"apiVersion": "authorization.k8s.io/v1",
                                                         "kind": "SubjectAccessReview", "spec": spec})  # fmt: skip
            return bool((answer.get("status") or {}).get("allowed"))

        answers = await asyncio.gather(*(allowed(one) for one in needed))
        return [_said(one) for one, well in zip(needed, answers, strict=True) if not well]

    try:
        return [
            of_rights(account, await missing(account, needed), len(needed)) for account, needed in _needed().items()
        ]
    except ApiError as error:
        if error.status != 403:
            raise
        return [
            Finding("RBAC", "warning", "could not be looked at", "call as somebody who may create subjectaccessreviews")
        ]


def _needed() -> dict[str, list[dict[str, str]]]:
    """Account (namespace:name) → the rights that the roles of `deploy/` give it, as resource attributes."""
    from kronstream.dev import manifests

    rights = manifests.rights()
    roles = {(one["kind"], one["metadata"]["name"]): one["rules"] for one in rights if one["kind"].endswith("Role")}
    found: dict[str, list[dict[str, str]]] = {}
    for binding in (one for one in rights if one["kind"].endswith("Binding")):
        rules = roles.get((binding["roleRef"]["kind"], binding["roleRef"]["name"]), [])
        for subject in binding.get("subjects") or ():
            if subject["kind"] == "ServiceAccount":
                place = binding["metadata"].get("namespace", "")
                found.setdefault(f"{subject['namespace']}:{subject['name']}", []).extend(_attributes(rules, place))
    return found


def _attributes(rules: list[dict[str, Any]], namespace: str) -> list[dict[str, str]]:
    found = []
    for rule in rules:
        for group in rule.get("apiGroups") or ():
            for resource in rule.get("resources") or ():
                kind, _, sub = resource.partition("/")
                for verb in rule["verbs"]:
                    for name in rule.get("resourceNames") or ("",):
                        one = {"group": group, "resource": kind, "subresource": sub, "verb": verb, "name": name}
                        found.append({**one, "namespace": namespace})
    return found


def _said(right: dict[str, str]) -> str:
    sub = f"/{right['subresource']}" if right["subresource"] else ""
    group = f".{right['group']}" if right["group"] else ""
    place = f" in namespace {right['namespace']}" if right["namespace"] else ""
    return f"{right['verb']} {right['resource']}{sub}{group}{place}"


async def _redis(settings: RedisSettings, queues: set[str], cluster: str) -> list[Finding]:
    from redis.exceptions import RedisError

    from kronstream.cli import diagnosis
    from kronstream.logs import masked
    from kronstream.streams.connection import Unsuitable, connect, verify
    from kronstream.streams.eventletters import RedisEventLetters
    from kronstream.streams.keys import Keys
    from kronstream.streams.ledger import RedisLedger
    from kronstream.streams.letters import RedisLetters
    from kronstream.streams.queues import RedisQueues

    redis, keys = connect(settings.url), Keys(settings.base_stream)
    try:
        info, unsuitable = await redis.info(), ""
        try:
            await verify(redis)
        except Unsuitable as fault:
            unsuitable = str(fault)
        owner = await redis.get(keys.installation)
        begin = time.time()
        seconds, micros = await redis.time()
        end = time.time()
        mine, theirs = int((begin + end) * 500), int(seconds) * 1000 + int(micros) // 1000
        cards, store = (
            await RedisLedger(redis, keys, settings.group).workers(),
            RedisQueues(redis, keys, settings.group),
        )
        named = queues | {queue for card in cards for queue in card.queues}
        return [
            *diagnosis.of_redis(info, unsuitable),
            diagnosis.of_owner(None if owner is None else str(owner), cluster),
            diagnosis.of_clock(theirs, mine, int((end - begin) * 1000)),
            *diagnosis.of_workers(cards, queues),
            *diagnosis.of_lag(await store.backlogs(sorted(named)), await store.paused()),
            diagnosis.of_letters(await RedisLetters(redis, keys).count(), await RedisEventLetters(redis, keys).count()),
        ]
    except (RedisError, OSError, TimeoutError) as error:
        text = f"no answer from {masked(settings.url)} ({type(error).__name__}: {masked(str(error))})"
        return [diagnosis.Finding("Redis", "wrong", text, "is KRONSTREAM_REDIS_URL right?")]
    finally:
        await redis.aclose()
