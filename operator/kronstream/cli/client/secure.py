"""A connection over TLS, to an address that may differ from the name in the certificate."""

from __future__ import annotations

import ssl
from http.client import HTTPSConnection

from kronstream.cli.client.connection import Target
from kronstream.cli.client.exits import Exit, Failure


class _Named(HTTPSConnection):
    """Connects to an address and asks for the certificate of a name."""

    def __init__(self, target: Target, context: ssl.SSLContext, timeout: float) -> None:
        super().__init__(target.address, target.port, timeout=timeout, context=context)
        self._named = target.host or target.address
        self._trust = context

    def connect(self) -> None:
        """TCP, then TLS with that name."""
        super(HTTPSConnection, self).connect()
        self.sock = self._trust.wrap_socket(self.sock, server_hostname=self._named)


def secured(target: Target, timeout: float) -> HTTPSConnection:
    """Trusts the authorities of `ca_file`, else those of the system."""
    try:
        context = ssl.create_default_context(cafile=target.ca_file)
    except OSError as error:
        raise Failure(Exit.USAGE, f"--ca-file {target.ca_file}: {error.strerror or error}") from None
    return _Named(target, context, timeout)
