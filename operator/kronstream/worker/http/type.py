"""Executing a run by an HTTP request."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from ssl import SSLContext
from typing import Any

from aiohttp import ClientError, ClientSession
from pydantic import ValidationError
from yarl import URL

from kronstream.domain import target
from kronstream.domain.address import Allowed
from kronstream.domain.work import Work
from kronstream.ports import Claim, Recall
from kronstream.resources import faults
from kronstream.resources.http import Http
from kronstream.resources.secretref import SecretRef
from kronstream.worker import output
from kronstream.worker.backoff import Backoff
from kronstream.worker.context import Run
from kronstream.worker.http import answer as answers
from kronstream.worker.http.answer import Answer
from kronstream.worker.http.gate import Gate, open_session, passed, trusting
from kronstream.worker.http.message import TOKEN, Message, compose
from kronstream.worker.http.redirect import onward
from kronstream.worker.http.secrets import Secrets
from kronstream.worker.http.unanswered import failed
from kronstream.worker.rulings import Fault, Parked
from kronstream.worker.services import Services

ACCEPTED = 202
DEFAULT = ("2xx",)


def wall() -> int:
    """The present in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class HttpType:
    """The handler type of spec.handler.http: one request for an attempt."""

    name = "@http"

    def __init__(
        self,
        services: Services,
        *,
        gate: Gate | None = None,
        secrets: Secrets | None = None,
        clock: Callable[[], int] = wall,
    ) -> None:
        self._externals = services.externals
        self._callback = services.settings.callback_url
        self._gate = gate or Gate(Allowed.of(services.settings.http_allow))
        self._secrets = secrets or Secrets(services.cluster)
        self._clock = clock
        self._session: ClientSession | None = None

    async def execute(self, claim: Claim, run: Run) -> Any:
        """Send the request; the result is the answer. Raises Fault, and Parked when its work goes on elsewhere."""
        http = read_block(claim.work.call)
        passed.set(set())
        headers = {one.name: await self._secret(claim, one.secret_key_ref) for one in http.headers_from}
        key = await self._secret(claim, http.signature.secret_key_ref) if http.signature else None
        trust = await self._trust(claim, http)
        work = await self._attach(claim) if http.accepted == "Callback" else {}
        message = compose(http, claim, run, headers, work)
        answer = await self._send(http, claim, message, key, trust)
        if work and answer.status == ACCEPTED:
            await self._park(claim)
            raise Parked
        return answers.result_of(answer)

    async def recall(self, recall: Recall, work: Work) -> None:
        """See HandlerType: nothing says how a receiver would be told, and its callback comes to nothing."""

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
        await self._gate.close()

    # -- before it -----------------------------------------------------------------------------------------------

    async def _secret(self, claim: Claim, ref: SecretRef) -> str:
        return await self._secrets.value(claim.work.namespace, claim.work.account, ref)

    async def _trust(self, claim: Claim, http: Http) -> SSLContext | bool:
        if http.tls is None or http.tls.ca_secret_ref is None:
            return http.tls is None or not http.tls.insecure_skip_verify
        ref = http.tls.ca_secret_ref
        try:
            return trusting(await self._secret(claim, ref))
        except ValueError as fault:
            where = f"the key {ref.key!r} of the Secret {claim.work.namespace}/{ref.name}"
            raise Fault("SecretUnusable", f"{where} {fault}", codes=("secret:key",)) from None

    async def _attach(self, claim: Claim) -> Mapping[str, str]:
        """The headers by which the receiver tells how its work ended. The same ones, when an earlier worker sent them.

        Before anything is sent: an end that is told at once must find its attempt.
        """
        token = await self._externals.attach(claim)
        if token is None:
            raise Fault("Superseded", "the attempt is no longer this worker's")
        headers = {"Kronstream-Run": claim.run, TOKEN: token}
        if self._callback:
            headers["Kronstream-Callback"] = f"{self._callback.rstrip('/')}/executions/{claim.run}/complete"
        return headers

    async def _park(self, claim: Claim) -> None:
        """Leave the attempt to whoever has its token; False means that its end was told already, or it is another's."""
        backoff = Backoff("leave a run to the work it started")
        while True:
            try:
                await self._externals.park(claim, claim.work.timeout)
            except Exception as error:  # noqa: BLE001 - the receiver works on it: asked again until the timeout
                await asyncio.sleep(backoff.failed(error))
            else:
                return

    # -- the request ---------------------------------------------------------------------------------------------

    async def _send(
        self, http: Http, claim: Claim, message: Message, key: str | None, trust: SSLContext | bool
    ) -> Answer:
        """The answer that is a success, of the last of its redirects. Raises Fault."""
        followed = 0
        while True:
            answer = await self._exchange(self._signed(claim, message, key), http, trust)
            if good(http, answer.status):
                return answer
            follows = onward(http, message, answer, followed)
            if isinstance(follows, str):
                raise answers.failure_of(answer, claim.work.retry, self._clock(), follows)
            message, followed = follows, followed + 1

    def _signed(self, claim: Claim, message: Message, key: str | None) -> Message:
        if key is None:
            return message
        try:
            return message.signed(key, claim.run, self._clock() // 1000)
        except ValueError as fault:
            raise Fault("SecretUnusable", f"the key of the signature {fault}", codes=("secret:key",)) from None

    async def _exchange(self, message: Message, http: Http, trust: SSLContext | bool) -> Answer:
        """One request and its answer. Raises Fault when there is none."""
        if self._session is None:
            self._session = open_session(self._gate)
        shown, began = target.shown_url(message.url), time.monotonic()
        try:
            response = await self._session.request(
                message.method,
                URL(message.url, encoded=True),
                headers=message.headers,
                data=message.body,
                allow_redirects=False,
                ssl=trust,
            )
            try:
                wanted = good(http, response.status)
                answer = await answers.read(response, message.url, message.hidden, good=wanted)
            finally:
                response.close()  # what was read to its end has given its connection back already
        except (ClientError, OSError) as error:
            fault = failed(error, shown)
            _note(f"{message.method} {shown}: {fault}")
            raise fault from None
        took = int((time.monotonic() - began) * 1000)
        more = "" if answer.whole else "more than "
        _note(f"{message.method} {shown}: {answer.line}, {more}{answer.size} bytes in {took} ms")
        return answer


def read_block(call: Mapping[str, Any] | None) -> Http:
    """The block of a job. Raises Fault for one that this version cannot use."""
    try:
        return Http.model_validate(call)
    except ValidationError as found:
        raise Fault("InvalidSpec", str(faults.first(found, "spec.handler.http")), permanent=True) from None


def good(http: Http, status: int) -> bool:
    """Whether a status is a success, or says that the work goes on."""
    return answers.succeeds(status, http.success_codes or DEFAULT) or (
        http.accepted == "Callback" and status == ACCEPTED
    )


def _note(line: str) -> None:
    """A line for the output of the attempt: the worker's own log would hold one for every run."""
    tail = output.capture.get()
    if tail is not None:
        tail.write(line + "\n")
