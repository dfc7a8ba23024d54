"""Free TCP ports on 127.0.0.1."""

import random
import socket
from pathlib import Path

EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
LOWEST = 15000


def free_ports(count: int, preferred: tuple[int, ...] = ()) -> tuple[int, ...]:
    """`count` ports that nothing listens on; those of `preferred` when all of them are free.

    They lie below the range from which the kernel takes the ports of outgoing connections: a client that keeps
    connecting to a part that is down could otherwise be given the part's port as its own, and block it.
    """
    if len(preferred) == count and all(is_free(port) for port in preferred):
        return preferred
    highest = _ephemeral_begin() - 1
    found: list[int] = []
    while len(found) < count:
        port = random.SystemRandom().randint(LOWEST, highest)
        if port not in found and is_free(port):
            found.append(port)
    return tuple(found)


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
