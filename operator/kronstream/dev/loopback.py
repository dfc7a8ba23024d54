"""Free TCP ports on 127.0.0.1."""

import os
import random
import socket
from collections.abc import Iterator
from functools import lru_cache
from itertools import cycle
from pathlib import Path

EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
LOWEST = 15000
SLICES = 16


def free_ports(count: int, preferred: tuple[int, ...] = ()) -> tuple[int, ...]:
    """`count` ports that nothing listens on; those of `preferred` when all of them are free.

    They lie below the range from which the kernel takes the ports of outgoing connections: a client that keeps
    connecting to a part that is down could otherwise be given the part's port as its own, and block it. For the same
    reason no other process of ours chooses them, nor this one soon again: what listens there may not have begun yet.
    """
    if len(preferred) == count and all(is_free(port) for port in preferred):
        return preferred
    ports, _ = _slice(os.getpid())
    free = (port for port in ports if is_free(port))
    return tuple(next(free) for _ in range(count))


@lru_cache(maxsize=1)
def _slice(process: int) -> tuple[Iterator[int], socket.socket | None]:  # noqa: ARG001 - kept for one process
    """Ports of a process, one after the other, again and again, and what keeps them from others.

    A forked process has others than its parent. Where no slice is left it has all ports, and nothing keeps them.
    """
    size = (_ephemeral_begin() - LOWEST) // SLICES
    for number in random.SystemRandom().sample(range(SLICES), SLICES):
        first = LOWEST + number * size
        holder = _hold(first)
        if holder is not None:
            return _turns(range(first + 1, first + size)), holder
    return _turns(range(LOWEST, LOWEST + SLICES * size)), None


def _turns(ports: range) -> Iterator[int]:
    begin = random.SystemRandom().randrange(len(ports))
    return cycle([*ports[begin:], *ports[:begin]])


def _hold(port: int) -> socket.socket | None:
    """A socket that has the port: whoever has a slice's first one has the slice."""
    holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        holder.bind(("127.0.0.1", port))
    except OSError:
        holder.close()
        return None
    return holder


def is_free(port: int) -> bool:
    """Whether one can listen on the port just now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _ephemeral_begin() -> int:
    try:
        begin = int(EPHEMERAL.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return 32768
    return begin if begin > LOWEST + 1000 else 65535
