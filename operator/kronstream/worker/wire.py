"""Messages between the worker's processes: JSON behind a length of four bytes, over a socket."""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import signal
import socket
import struct
import sys
from typing import Any

LENGTH = struct.Struct("!I")
LIMIT = 4 * 1024 * 1024  # payload, result, output and traceback are all bounded far below
_PR_SET_PDEATHSIG = 1

Message = dict[str, Any]


class Garbled(Exception):  # noqa: N818 - what the other side sent
    """The other side sent what is not a message."""


def frame(message: Message) -> bytes:
    """A message as it travels."""
    body = json.dumps(message, separators=(",", ":")).encode()
    return LENGTH.pack(len(body)) + body


def send(sock: socket.socket, message: Message) -> None:
    """Send on a blocking socket."""
    sock.sendall(frame(message))


def receive(sock: socket.socket) -> Message | None:
    """Receive from a blocking socket; None at its end."""
    head = _exactly(sock, LENGTH.size)
    if head is None:
        return None
    body = _exactly(sock, _length(head))
    return None if body is None else _parse(body)


async def read(reader: asyncio.StreamReader) -> Message | None:
    """Receive from a stream; None at its end, also when it ends inside a message. Raises Garbled."""
    try:
        length = _length(await reader.readexactly(LENGTH.size))
        return _parse(await reader.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


def _length(head: bytes) -> int:
    (length,) = LENGTH.unpack(head)
    if length > LIMIT:
        raise Garbled(f"a message of {length} bytes")
    return int(length)


def _parse(body: bytes) -> Message:
    try:
        message = json.loads(body)
    except ValueError as error:
        raise Garbled(str(error)[:200]) from None
    if not isinstance(message, dict):
        raise Garbled("not an object")
    return message


def _exactly(sock: socket.socket, size: int) -> bytes | None:
    data = bytearray()
    while len(data) < size:
        part = sock.recv(size - len(data))
        if not part:
            return None
        data += part
    return bytes(data)


def python(module: str, *args: object) -> list[str]:
    """The command line that runs `main()` of a module in a new Python, whose sys.path leaves the folder out."""
    return [sys.executable, "-P", "-c", f"from {module} import main; main()", *map(str, args)]


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent ends, however it ends; ends now if it already has."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
