"""What it means that a request got no whole answer."""

from __future__ import annotations

from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorError,
    ClientConnectorSSLError,
    ClientError,
    ClientPayloadError,
    ClientResponseError,
    InvalidURL,
    ServerDisconnectedError,
)

from kronstream.worker.http.gate import Refused
from kronstream.worker.rulings import Fault

SHOWN = 300  # characters of the client's own words

# the client's words for these would repeat the URL, or what came
_SAID: tuple[tuple[type[ClientError], str], ...] = (
    (ClientResponseError, "gave an answer that is not HTTP"),
    (ClientPayloadError, "gave an answer that ended too early"),
    (ServerDisconnectedError, "closed the connection without an answer"),
)


def failed(error: ClientError | OSError, shown: str) -> Fault:
    """The failure of a request; `shown` is its URL as messages show it."""
    inner = error.os_error if isinstance(error, ClientConnectorError) else error
    if isinstance(inner, Refused):
        return Fault("AddressRefused", f"{shown} is refused: {inner}", codes=("http:refused",), permanent=True)
    if isinstance(error, InvalidURL):
        return Fault("AddressRefused", f"{shown} cannot be requested", codes=("http:refused",), permanent=True)
    if isinstance(error, TimeoutError):
        return Fault("HttpTimeout", f"{shown} took no connection in time", codes=("http:timeout",))
    said = next((words for kind, words in _SAID if isinstance(error, kind)), None)
    if said is None:
        said = f"gave no answer: {type(error).__name__}: {str(error)[:SHOWN]}".rstrip(": ")
    if isinstance(error, (ClientConnectorSSLError, ClientConnectorCertificateError)):
        what = "is not trusted" if isinstance(error, ClientConnectorCertificateError) else "took no TLS connection"
        return Fault("HttpTls", f"{shown} {said.replace('gave no answer', what)}", codes=("http:tls", "http:connect"))
    return Fault("HttpConnect", f"{shown} {said}", codes=("http:connect",))
