"""Which addresses requests of jobs may go to: public ones, and what an administrator allows.

What a name resolves to is judged, not the name, and the address that was judged is the one that is connected to: a
name that leads to a public address now and to a private one later is no way in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

SETTING = "KRONSTREAM_HTTP_ALLOW"
PRIVATE = "private"
INSTEAD = (
    "write addresses with or without a prefix length (10.0.0.0/8, fd00::/8), host names (api.internal), endings of "
    f"names (.svc.cluster.local), or {PRIVATE}"
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NAME = re.compile(r"\.?[a-z0-9_]([a-z0-9_.-]{0,252}[a-z0-9_])?")
# that answer who is on the machine with its credentials; no network allows them, only they themselves
METADATA = frozenset(
    map(ip_address, ("169.254.169.254", "169.254.170.2", "169.254.170.23", "168.63.129.16", "192.0.0.192",
                     "100.100.100.200", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254"))
)  # fmt: skip
# the first that fits counts; private ones are what the word allows
_KINDS: tuple[tuple[str, str], ...] = (
    ("0.0.0.0/8", "unspecified"),
    ("127.0.0.0/8", "loopback"),
    ("10.0.0.0/8", "private"),
    ("172.16.0.0/12", "private"),
    ("192.168.0.0/16", "private"),
    ("100.64.0.0/10", "private"),
    ("169.254.0.0/16", "link-local"),
    ("192.0.0.0/24", "reserved"),
    ("192.0.2.0/24", "reserved"),
    ("192.88.99.0/24", "reserved"),
    ("198.18.0.0/15", "reserved"),
    ("198.51.100.0/24", "reserved"),
    ("203.0.113.0/24", "reserved"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),
    ("::/128", "unspecified"),
    ("::1/128", "loopback"),
    ("fc00::/7", "private"),
    ("fe80::/10", "link-local"),
    ("fec0::/10", "private"),
    ("ff00::/8", "multicast"),
    ("2001::/23", "reserved"),
    ("2001:db8::/32", "reserved"),
    ("3fff::/20", "reserved"),
)
_NETWORKS: tuple[tuple[Network, str], ...] = tuple((ip_network(text), kind) for text, kind in _KINDS)
_GLOBAL = IPv6Network("2000::/3")
# IPv6 addresses that stand for an IPv4 one, and the bits below it
_EMBEDDING: tuple[tuple[IPv6Network, int], ...] = (
    (IPv6Network("::ffff:0:0/96"), 0),
    (IPv6Network("::ffff:0:0:0/96"), 0),
    (IPv6Network("64:ff9b::/96"), 0),
    (IPv6Network("64:ff9b:1::/48"), 0),
    (IPv6Network("2002::/16"), 80),
)


@dataclass(frozen=True, slots=True)
class Allowed:
    """What an administrator allows beside public addresses."""

    networks: tuple[Network, ...] = ()
    names: tuple[str, ...] = ()
    private: bool = False

    @classmethod
    def of(cls, entries: Iterable[str]) -> Allowed:
        """Of the entries of the setting. Raises ValueError with what to write."""
        networks: list[Network] = []
        names: list[str] = []
        private = False
        for entry in entries:
            text = entry.strip().lower().removeprefix("*")
            if text == PRIVATE:
                private = True
                continue
            try:
                networks.append(ip_network(text.strip("[]"), strict=False))
            except ValueError:
                if not _NAME.fullmatch(text.removesuffix(".")) or re.fullmatch(r"[0-9.]+", text):
                    raise ValueError(INSTEAD) from None
                names.append(text.removesuffix("."))
        return cls(tuple(networks), tuple(names), private)

    def refusal(self, host: str, address: str) -> str | None:
        """Why no request goes to this address of a host, and what would allow it; None when it may."""
        try:
            found = meant(address)
        except ValueError:
            return f"{address[:64]!r}, the address of {host[:255]}, is none that can be judged"
        kind = kind_of(found)
        if kind is None or self._allows(host.lower().removesuffix("."), found, kind):
            return None
        where = found if str(found) == host else f"{found}, the address of {host[:255]},"
        way = f"{found}/{found.max_prefixlen}"
        if kind != "metadata":
            way += " or a network around it"
        return f"{where} is a {kind} address; an administrator of the workers allows it with {SETTING}={way}"

    def _allows(self, host: str, address: Address, kind: str) -> bool:
        if kind == "metadata":
            return any(network.num_addresses == 1 and address in network for network in self.networks)
        if any(address in network for network in self.networks):
            return True
        if kind == "private" and self.private:
            return True
        # who can choose what an allowed name leads to must not reach what is bound to a machine; what is bound to the
        # worker itself only a name that is written in full allows, for under an ending others may make names
        if kind in ("link-local", "multicast", "unspecified"):
            return False
        return host in self.names or (
            kind != "loopback" and any(name.startswith(".") and host.endswith(name) for name in self.names)
        )


def meant(address: str) -> Address:
    """The address that an IP address in any form leads to: for one that stands for an IPv4 address, that."""
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address):
        for network, below in _EMBEDDING:
            if found in network:
                return IPv4Address(int(found) >> below & 0xFFFFFFFF)
    return found


def kind_of(address: Address) -> str | None:
    """What an address is, None for a public one."""
    if address in METADATA:
        return "metadata"
    for network, kind in _NETWORKS:
        if address in network:
            return kind
    return "reserved" if isinstance(address, IPv6Address) and address not in _GLOBAL else None
