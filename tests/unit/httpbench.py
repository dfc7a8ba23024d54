"""The handler type http with a receiver on loopback, and claims to execute."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import pytest

from kronstream.domain.address import Allowed
from kronstream.domain.retry import Retry
from kronstream.ports import Claim, Externals, Wires
from kronstream.resources import parse_spec
from kronstream.settings import TypeSettings
from kronstream.testing import FixedClock
from kronstream.worker import output
from kronstream.worker.context import Run, facts, run_of
from kronstream.worker.http.gate import Gate
from kronstream.worker.http.secrets import Secrets
from kronstream.worker.http.type import HttpType
from kronstream.worker.rulings import Fault
from kronstream.worker.services import Cluster, Services
from unit.fakequeue import claim as plain
from unit.httpreceiver import Receiver

NOW = 1_795_454_707_000  # 2026-11-23T17:25:07Z


def block(**http: Any) -> dict[str, Any]:
    """A job's block as it travels to the worker, defaults included."""
    call = parse_spec({"every": "1h", "handler": {"http": http}}).handler.call
    assert call is not None
    return call


def claim(payload: Any = None, *, retry: Retry | None = None, timeout: int = 60_000, **fields: Any) -> Claim:
    """A claim of the job ns/job; `http` is its block."""
    call = block(**fields.pop("http"))
    values = {"run": "u-s1795454707000", "nominal": NOW, **fields}
    made = plain("@http", payload, timeout=timeout, retry=retry or Retry(limit=3), **values)
    return replace(made, work=replace(made.work, call=call, account="bot", platform_id="acme"))


def run_for(claim: Claim) -> Run:
    """What the executor gives beside the claim."""
    return run_of(facts(claim, NOW + claim.work.timeout))


SECRETS = {"api": {"token": "Bearer hunter2\n", "hook": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "two": "a\nb"}}
TOKEN = {"name": "Authorization", "secretKeyRef": {"name": "api", "key": "token"}}


class SecretsOfCluster:
    """A cluster whose Secrets are these, by name."""

    def __init__(self, secrets: Mapping[str, Mapping[str, str]]) -> None:
        self.secrets = secrets

    async def api(self) -> Any:
        return self

    async def send(self, method: str, path: str, account: Any = None) -> Any:
        found = self.secrets[path.rpartition("/")[2]]
        return {"data": {key: base64.b64encode(value.encode()).decode() for key, value in found.items()}}


class NoExternals:
    """Nothing goes on elsewhere."""


@dataclass
class Bench:
    """`execute` runs a claim; `tail` is what the attempts wrote."""

    kind: HttpType
    receiver: Receiver
    clock: FixedClock
    tail: output.Tail

    async def execute(self, made: Claim) -> Any:
        """As the executor does."""
        token = output.capture.set(self.tail)
        try:
            return await self.kind.execute(made, run_for(made))
        finally:
            output.capture.reset(token)

    async def send(self, payload: Any = None, **fields: Any) -> Any:
        """Execute a claim whose request goes to the receiver, at `/hook` unless `http` has a url."""
        http = {"url": f"{self.receiver.url}/hook", **fields.pop("http", {})}
        return await self.execute(claim(payload, http=http, **fields))


def bench(
    receiver: Receiver,
    *,
    allow: Sequence[str] = ("127.0.0.0/8", "::1"),
    secrets: Mapping[str, Mapping[str, str]] | None = None,
    externals: object | None = None,
    callback: str = "",
    gate: Gate | None = None,
) -> Bench:
    """A bench; `kind.close()` at the end."""
    clock = FixedClock(NOW)
    services = Services(
        Cluster(), cast("Externals", externals or NoExternals()), cast("Wires", None),
        TypeSettings(http_allow=tuple(allow), callback_url=callback),
    )  # fmt: skip
    kind = HttpType(
        services,
        gate=gate or Gate(Allowed.of(allow)),
        secrets=Secrets(SecretsOfCluster(secrets or {})),
        clock=clock,
    )
    return Bench(kind, receiver, clock, output.Tail())


async def fault(on: Bench, payload: Any = None, **fields: Any) -> Fault:
    """How a request failed."""
    with pytest.raises(Fault) as caught:
        await on.send(payload, **fields)
    return caught.value
