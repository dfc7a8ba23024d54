"""Who may reach whom under NetworkPolicies, as Kubernetes defines it: what no policy selects is open, what one selects
gets and sends what some policy of its namespace names, and a connection needs leave at both ends.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from integration.charting import Object, pods

PLACE = "kubernetes.io/metadata.name"
ROLE = "app.kubernetes.io/component"
POOL = "kronstream.dev/pool"
IN, EX = "ingress", "egress"
KNOWN = {IN: {"from", "ports"}, EX: {"to", "ports"}}


@dataclass(frozen=True)
class End:
    """One end of a connection: a Pod, or without a namespace an address outside the Pods' network."""

    name: str
    address: str
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)


def ends(objects: list[Object], namespace: str) -> list[End]:
    """The Pods of a release, called by component, and workers by pool too; hooks that run without policies left out."""
    found = []
    for number, pod in enumerate(pods(objects), 1):
        labels = pod["metadata"]["labels"]
        if labels[ROLE] == "withdraw":  # after all policies are deleted
            continue
        name = "-".join(labels[key] for key in (ROLE, POOL) if key in labels)
        told = [port for container in pod["spec"]["containers"] for port in container.get("ports", ())]
        ports = {port["name"]: port["containerPort"] for port in told}
        found.append(End(name, f"10.244.0.{number}", namespace, labels, ports))
    return found


def reached(policies: Iterable[Object], source: End, target: End, protocol: str, port: int) -> bool:
    """Whether a connection is let out at one end and in at the other."""
    told = list(policies)
    return _lets(told, EX, source, target, target, (protocol, port)) and _lets(
        told, IN, target, source, target, (protocol, port)
    )


def _lets(policies: list[Object], way: str, own: End, peer: End, server: End, port: tuple[str, int]) -> bool:
    if not own.namespace:  # policies are about Pods
        return True
    about = [
        policy["spec"]
        for policy in policies
        if policy["metadata"]["namespace"] == own.namespace
        and way.capitalize() in policy["spec"]["policyTypes"]
        and _selects(policy["spec"]["podSelector"], own.labels)
    ]
    if not about:
        return True
    return any(_fits(rule, way, own, peer, server, port) for spec in about for rule in spec.get(way) or ())


def _fits(rule: Object, way: str, own: End, peer: End, server: End, port: tuple[str, int]) -> bool:
    assert set(rule) <= KNOWN[way], f"what is {rule}"
    peers = rule.get("from" if way == IN else "to")
    # empty and missing are the same: anybody
    return (not peers or any(_is(one, own, peer) for one in peers)) and (
        not rule.get("ports") or any(_named(one, server, port) for one in rule["ports"])
    )


def _named(told: Object, server: End, port: tuple[str, int]) -> bool:
    assert set(told) <= {"protocol", "port", "endPort"}, f"what is {told}"
    protocol, number = port
    if told.get("protocol", "TCP") != protocol:
        return False
    first = told.get("port")
    if isinstance(first, str):
        return server.ports.get(first) == number
    return first is None or first <= number <= told.get("endPort", first)


def _is(told: Object, own: End, peer: End) -> bool:
    assert set(told) <= {"podSelector", "namespaceSelector"} or set(told) == {"ipBlock"}, f"what is {told}"
    if "ipBlock" in told:
        address = ipaddress.ip_address(peer.address)
        inside = [ipaddress.ip_network(told["ipBlock"]["cidr"]), *map(ipaddress.ip_network, _except(told))]
        return address in inside[0] and not any(address in block for block in inside[1:])
    if not peer.namespace:  # selectors name Pods alone
        return False
    there = told.get("namespaceSelector")
    place = own.namespace == peer.namespace if there is None else _selects(there, {PLACE: peer.namespace})
    return place and _selects(told.get("podSelector", {}), peer.labels)


def _except(told: Object) -> list[str]:
    excepted: list[str] = told["ipBlock"].get("except", [])
    return excepted


def _selects(selector: Object, labels: Mapping[str, str]) -> bool:
    assert set(selector) <= {"matchLabels", "matchExpressions"}, f"what is {selector}"
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    for told in selector.get("matchExpressions", ()):
        there = {
            "In": labels.get(told["key"]) in told.get("values", ()),
            "NotIn": labels.get(told["key"]) not in told.get("values", ()),
            "Exists": told["key"] in labels,
            "DoesNotExist": told["key"] not in labels,
        }
        if not there[told["operator"]]:
            return False
    return True
