"""A client of the Kubernetes API that sends and receives plain dicts.

The official client loads the configuration and holds the connections; its models are left out, because each costs
more than the request itself.
"""

import json
import time
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Self

from aiohttp import ClientError
from aiohttp.http_exceptions import HttpProcessingError
from kubernetes.aio import client, config

from kronstream.clock import DateClock

JSON_PATCH = "application/json-patch+json"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
TIMEOUT = 15.0
LATER = 15.0  # how much longer a watch is listened to than the server was asked to tell
PAGE = 500
LOOK = 1.0
OURS = "/apis/kronstream.dev/"
UNSERVED = ("404 page not found", "the server could not find the requested resource")
INSTEAD = "run `kronstream crds | kubectl apply --server-side -f -`"
TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


class ApiError(Exception):
    """The API server answered with a failure; ``status`` is the HTTP status, the text its message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class ClusterApi:
    """Requests to one API server. Raises ApiError for a refusal, OSError or TimeoutError when it is away."""

    def __init__(self, configuration: Any) -> None:
        self._configuration = configuration
        self._client = client.ApiClient(configuration)
        self._host = configuration.host.rstrip("/")
        self._looked = float("-inf")
        self.clock = DateClock()

    @classmethod
    async def connect(cls, *, connections: int = 40, kubeconfig: str | None = None) -> Self:
        """By the given file, else as the service account of the Pod, else by KUBECONFIG or the user's default."""
        configuration = client.Configuration()
        if kubeconfig is None and TOKEN.exists():  # noqa: ASYNC240 - once, at the start
            config.load_incluster_config(client_configuration=configuration)
        else:
            await config.load_kube_config(config_file=kubeconfig, client_configuration=configuration)
        configuration.connection_pool_maxsize = connections
        configuration.retries = None
        # with it aiohttp reads .netrc in a thread for every request; proxies come from the configuration
        configuration.client_session_kwargs = {"trust_env": False}
        return cls(configuration)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        kind: str = "application/json",
        accept: str = "application/json",
        want: bool = True,
        account: tuple[str, str] | None = None,
    ) -> Any:
        """One request; the parsed answer, or None when it is not wanted (it is read all the same, not parsed).

        ``account`` is the (namespace, name) of a service account whose rights decide instead of one's own, which must
        hold the verb impersonate for it.
        """
        try:
            answer = await self._request(method, path, body, kind, accept, TIMEOUT, account)
            data = await answer.read()
        except ClientError as error:
            # a connection that ends in the middle of an answer is no OSError in aiohttp
            raise ConnectionError(str(error) or type(error).__name__) from error
        if answer.status >= 400:
            raise ApiError(answer.status, _message(data, path))
        return _parsed(data) if want else None

    async def watch(self, path: str, seconds: int) -> AsyncIterator[dict[str, Any]]:
        """Changes from now on, as {type, object}, until the server ends it, after so many seconds at the latest.

        `path` has a query with the resourceVersion to begin after. A connection that died without a word ends it, too:
        with TimeoutError, some seconds later. Raises ApiError 410 when the version is too old, and as ``send`` does.
        """
        path = f"{path}&watch=1&timeoutSeconds={seconds}"
        try:
            answer = await self._request("GET", path, None, "application/json", "application/json", seconds + LATER)
            try:
                if answer.status >= 400:
                    raise ApiError(answer.status, _message(await answer.read(), path))
                async for line in answer.response.content:
                    yield _change(line)
            except (HttpProcessingError, ValueError) as error:  # one or the other, by the version of aiohttp
                raise ApiError(502, f"a line of the watch cannot be read: {error}") from None
            finally:
                answer.response.close()  # what is not read to its end keeps its connection
        except ClientError as error:
            raise ConnectionError(str(error) or type(error).__name__) from error

    async def _request(
        self,
        method: str,
        path: str,
        body: Any,
        kind: str,
        accept: str,
        timeout: float,
        account: tuple[str, str] | None = None,
    ) -> Any:
        headers = {"Content-Type": kind, "Accept": accept, "User-Agent": "kronstream"}
        if account is not None:
            headers["Impersonate-User"] = f"system:serviceaccount:{account[0]}:{account[1]}"
        headers["Accept-Encoding"] = "identity"  # a compressed list costs both sides more than the bytes do
        await self._client.update_params_for_auth(headers, [], ["BearerToken"], path, method, body)
        sent = time.time()
        answer = await self._client.rest_client.request(
            method, self._host + path, headers=headers, body=body, _request_timeout=timeout
        )
        self._look(sent, answer.response.headers.get("Date", ""))
        return answer

    def _look(self, sent: float, date: str) -> None:
        """At the server's clock, once a second."""
        if time.monotonic() - self._looked < LOOK:
            return
        self._looked = time.monotonic()
        try:
            self.clock.observe(sent, time.time(), parsedate_to_datetime(date).timestamp())
        except ValueError:
            return  # a proxy that leaves the date out

    async def pages(self, path: str, *, accept: str = "application/json") -> list[dict[str, Any]]:
        """All items of a list, page by page. Raises ApiError 410 when it took so long that its snapshot is gone."""
        items, _ = await self.listing(f"{path}?", accept=accept)
        return items

    async def listing(self, path: str, *, accept: str = "application/json") -> tuple[list[dict[str, Any]], str]:
        """All items, and the version from which on ``watch`` tells more; `path` has a query, which may be empty."""
        items: list[dict[str, Any]] = []
        token = ""
        joint = "" if path.endswith("?") else "&"
        while True:
            query = f"{joint}limit={PAGE}" + (f"&continue={token}" if token else "")
            page = await self.send("GET", path + query, accept=accept)
            items += page["items"] or ()  # an empty metadata list has null there
            token = page["metadata"].get("continue", "")
            if not token:
                return items, str(page["metadata"].get("resourceVersion", ""))

    async def text(self, path: str) -> bytes:
        """What a GET answers, as it is. Raises as ``send`` does."""
        try:
            answer = await self._request("GET", path, None, "application/json", "*/*", TIMEOUT)
            data = bytes(await answer.read())
        except ClientError as error:
            raise ConnectionError(str(error) or type(error).__name__) from error
        if answer.status >= 400:
            raise ApiError(answer.status, _message(data, path))
        return data


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError as error:
        raise ApiError(502, f"the answer is not JSON: {error}") from error


def _change(line: bytes) -> dict[str, Any]:
    change = _parsed(line)
    if not isinstance(change, dict) or not isinstance(change.get("object"), dict):
        raise ApiError(502, "a line of a watch is no change")
    if change.get("type") == "ERROR":
        told = change["object"]
        raise ApiError(int(told.get("code", 500)), str(told.get("message", ""))[:2048])
    return change


def _message(data: bytes, path: str) -> str:
    try:
        message = str(json.loads(data)["message"])[:2048]
    except (ValueError, KeyError, TypeError):
        message = data[:256].decode("utf-8", "replace").strip()
    # what a server says of a kind that it does not have names none
    if message in UNSERVED and path.startswith(OURS):
        return f"{path.partition('?')[0]} is not served: its CRD is missing; {INSTEAD}"
    return message
