"""Which addresses requests of jobs may go to."""

import random
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest

from kronstream.domain.address import Allowed, kind_of, meant

NOTHING = Allowed()
INTERNAL = {
    "0.0.0.0": "unspecified", "0.1.2.3": "unspecified", "127.0.0.1": "loopback", "127.255.255.254": "loopback",
    "10.0.0.1": "private", "10.255.255.255": "private", "172.16.0.1": "private", "172.31.255.255": "private",
    "192.168.1.1": "private", "100.64.0.1": "private", "100.127.255.255": "private", "169.254.0.1": "link-local",
    "192.0.0.8": "reserved", "192.0.2.1": "reserved", "198.18.0.1": "reserved", "198.51.100.1": "reserved",
    "203.0.113.1": "reserved", "192.88.99.1": "reserved", "224.0.0.1": "multicast", "239.255.255.255": "multicast",
    "240.0.0.1": "reserved", "255.255.255.255": "reserved", "169.254.169.254": "metadata",
    "169.254.170.2": "metadata", "100.100.100.200": "metadata", "168.63.129.16": "metadata",
    "::": "unspecified", "::1": "loopback", "fe80::1": "link-local", "fe80::1%eth0": "link-local",
    "fc00::1": "private", "fd12:3456::1": "private", "fec0::1": "private", "ff02::1": "multicast",
    "2001:db8::1": "reserved", "2001::1": "reserved", "100::1": "reserved", "::7f00:1": "reserved",
    "4000::1": "reserved", "fd00:ec2::254": "metadata", "3fff::1": "reserved", "5f00::1": "reserved",
    # that stand for an IPv4 address
    "::ffff:127.0.0.1": "loopback", "::ffff:a00:1": "private", "::ffff:169.254.169.254": "metadata",
    "64:ff9b::10.0.0.1": "private", "64:ff9b::a9fe:a9fe": "metadata", "64:ff9b:1::192.168.0.1": "private",
    "2002:7f00:1::": "loopback", "2002:a9fe:a9fe::1": "metadata", "2002:a00:1:ffff::1": "private",
    "::ffff:0:10.0.0.1": "private",
}  # fmt: skip
PUBLIC = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "172.15.255.255", "172.32.0.0", "100.63.255.255", "100.128.0.0",
    "126.255.255.255", "128.0.0.1", "169.253.255.255", "192.0.1.1", "223.255.255.255", "2606:4700::1111",
    "2a00:1450:4001::1", "::ffff:1.1.1.1", "64:ff9b::8.8.8.8", "2002:808:808::1",
]  # fmt: skip


@pytest.mark.parametrize(("address", "kind"), INTERNAL.items())
def test_what_is_not_public_is_refused(address: str, kind: str) -> None:
    refusal = NOTHING.refusal("example.com", address)

    assert refusal is not None
    assert f"the address of example.com, is a {kind} address" in refusal
    assert f"KRONSTREAM_HTTP_ALLOW={meant(address)}/" in refusal


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_public_is_not(address: str) -> None:
    assert NOTHING.refusal("example.com", address) is None


def test_python_knows_no_further_address_that_is_not_global() -> None:
    """An oracle of another origin; multicast is global to it in part, and what stands for IPv4 judged here as that."""
    chance = random.Random(20_261_128)
    for _ in range(20_000):
        four = IPv4Address(chance.getrandbits(32))
        assert four.is_global or kind_of(four) is not None, four
        six = meant(str(IPv6Address(chance.getrandbits(125) | 1 << 125)))
        assert six.is_global or kind_of(six) is not None, six
    for text in INTERNAL:
        address = ip_address(text.partition("%")[0])
        assert kind_of(meant(str(address))) is not None


def test_what_is_no_address_is_refused() -> None:
    assert "none that can be judged" in (NOTHING.refusal("example.com", "2130706433") or "")


def test_an_address_in_a_url_is_named_once() -> None:
    assert (NOTHING.refusal("10.0.0.5", "10.0.0.5") or "").startswith("10.0.0.5 is a private address; an administrator")


@pytest.mark.parametrize(
    ("entry", "host", "address"),
    [
        ("10.0.0.0/8", "example.com", "10.1.2.3"),
        ("10.1.2.3", "example.com", "10.1.2.3"),
        ("10.1.2.3/8", "example.com", "10.200.0.1"),
        ("10.0.0.0/8", "example.com", "::ffff:10.1.2.3"),
        ("10.0.0.0/8", "example.com", "64:ff9b::10.1.2.3"),
        ("fd00::/8", "example.com", "fd12::1"),
        ("[fd12::1]", "example.com", "fd12::1"),
        ("127.0.0.0/8", "127.0.0.1", "127.0.0.1"),
        ("private", "example.com", "10.1.2.3"),
        ("Private", "example.com", "fd12::1"),
        ("private", "example.com", "100.64.0.1"),
        ("api.internal", "api.internal", "10.1.2.3"),
        ("api.internal", "API.Internal.", "10.1.2.3"),
        ("API.internal.", "api.internal", "127.0.0.1"),
        (".svc.cluster.local", "shop.default.svc.cluster.local", "10.1.2.3"),
        ("*.svc.cluster.local", "shop.default.svc.cluster.local.", "10.1.2.3"),
        ("169.254.169.254", "169.254.169.254", "169.254.169.254"),
        ("169.254.169.254/32", "metadata", "169.254.169.254"),
        ("0.0.0.0/0", "example.com", "192.0.2.1"),
    ],
)
def test_what_is_allowed(entry: str, host: str, address: str) -> None:
    assert NOTHING.refusal(host, address) is not None
    assert Allowed.of([entry]).refusal(host, address) is None
    assert Allowed.of(["198.18.0.0/15", entry]).refusal(host, address) is None


@pytest.mark.parametrize(
    ("entry", "host", "address"),
    [
        ("10.0.0.0/8", "example.com", "127.0.0.1"),
        ("private", "example.com", "127.0.0.1"),
        ("private", "example.com", "169.254.1.1"),
        ("private", "example.com", "100.100.100.200"),
        ("private", "example.com", "fd00:ec2::254"),
        ("0.0.0.0/0", "example.com", "169.254.169.254"),
        ("169.254.0.0/16", "example.com", "169.254.169.254"),
        ("::/0", "example.com", "fd00:ec2::254"),
        ("api.internal", "evil.api.internal", "10.1.2.3"),
        ("api.internal", "evilapi.internal", "10.1.2.3"),
        (".internal", "internal", "10.1.2.3"),
        (".internal", "eviinternal", "10.1.2.3"),
        (".internal", "a.internal", "169.254.169.254"),
        (".internal", "a.internal", "169.254.1.1"),
        (".internal", "a.internal", "0.0.0.0"),
        (".svc.cluster.local", "admin.team-a.svc.cluster.local", "127.0.0.1"),
        (".svc.cluster.local", "admin.team-a.svc.cluster.local", "::1"),
        (".svc.cluster.local", "admin.team-a.svc.cluster.local", "::ffff:127.0.0.1"),
    ],
)
def test_what_is_not_allowed_by_it(entry: str, host: str, address: str) -> None:
    assert Allowed.of([entry]).refusal(host, address) is not None


@pytest.mark.parametrize("entry", ["10.0.0.0/33", "300.1.1.1", "10.0.0", "http://api", "a b", "", "a/b", "-a"])
def test_an_entry_that_means_nothing_says_what_to_write(entry: str) -> None:
    with pytest.raises(ValueError, match="write addresses with or without a prefix length"):
        Allowed.of([entry])
