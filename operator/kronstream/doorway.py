"""A TLS port: its certificate, read again when its files change, and the authority of its clients' certificates."""

import asyncio
import logging
import os
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kronstream.trouble import Trouble

log = logging.getLogger(__name__)

LOOK = 10.0  # seconds

_Mark = tuple[int, int, int]


def _nothing() -> None:
    """Stands where the composition puts who is told."""


class Doorway:
    """Answers each handshake with what is in force then. Raises OSError where the files cannot be used at the start.

    Where clients are not ``recognised``, none is asked for a certificate.
    """

    def __init__(self, certificate: Path, key: Path, *, recognised: bool = True) -> None:
        self._files = certificate, key
        self._recognised = recognised
        self._authority = ""
        self.reread: Callable[[], None] = _nothing
        self._trouble = Trouble(log, "the certificate cannot be read again; the one before stays in use")
        self._marks = self._look()
        self._current = self._make()
        self.context = self._make()
        # asked in every handshake, also in those that name no server
        self.context.sni_callback = self._choose

    def trust(self, authority: str) -> None:
        """From now on client certificates are verified by this authority (PEM). Raises ssl.SSLError."""
        before, self._authority = self._authority, authority
        try:
            self._current = self._make()
        except (OSError, ssl.SSLError):
            self._authority = before
            raise

    def refresh(self) -> bool:
        """Read the files again if they changed, which is told; what cannot be used is logged, and changes nothing."""
        try:
            marks = self._look()
            if marks == self._marks:
                return False
            self._current = self._make()
            self._marks = marks
            self._trouble.over()
            log.info("the certificate was read again")
        except (OSError, ssl.SSLError) as error:
            self._trouble.tell(error)
            return False
        return True

    async def run(self) -> None:
        """Refresh until cancelled."""
        while True:
            await asyncio.sleep(LOOK)
            if self.refresh():
                self.reread()

    def _choose(self, handshake: Any, _name: str | None, _initial: ssl.SSLContext) -> None:
        handshake.context = self._current

    def _make(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(*self._files)
        # whoever shows none is told so in an answer that can be read
        context.verify_mode = ssl.CERT_OPTIONAL if self._recognised else ssl.CERT_NONE
        # sessions outlive a change of the authority
        context.options |= ssl.OP_NO_TICKET
        if self._authority:
            context.load_verify_locations(cadata=self._authority)
        return context

    def _look(self) -> tuple[_Mark, ...]:
        # a Secret's files are links that are exchanged
        stats = [os.stat(file) for file in self._files]  # noqa: PTH116
        return tuple((stat.st_ino, stat.st_mtime_ns, stat.st_size) for stat in stats)
