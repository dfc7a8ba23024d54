"""The chart's NetworkPolicies: who may reach whom, judged as Kubernetes would, is what each part needs and no more."""

import pytest
import yaml

from integration.charting import CHART, Helm, HelmError, Object, pods
from integration.reach import PLACE, End, ends, reached

NODE = End("node", "192.168.1.10")  # where kube-apiserver and the kubelet come from
OTHERS = [
    NODE,
    End("apiserver", "10.0.0.1"),
    End("public", "93.184.215.14"),
    End("public6", "2606:2800:21f::1"),
    End("private", "10.1.2.3"),
    End("private6", "fd00:ec2::254"),
    End("metadata", "169.254.169.254"),
    End("dns", "10.244.1.1", "kube-system", {"k8s-app": "kube-dns"}),
    End("prometheus", "10.244.1.2", "monitoring", {"app": "prometheus"}),
    End("ingress", "10.244.1.3", "ingress", {"app": "nginx"}),
    End("collector", "10.244.1.4", "observability", {"app": "collector"}),
    End("redis-there", "10.244.1.5", "data", {"app": "redis"}),
    End("tenant", "10.244.1.6", "team-a", {"app.kubernetes.io/component": "operator"}),
    End("neighbour", "10.244.1.7", "sched", {"app": "other"}),
]
PORTS = (22, 53, 80, 443, 3051, 4318, 6379, 6380, 6443, 8080, 8081, 8082, 8083, 8084, 8443, 9443)
Table = dict[str, set[str]]


def table(objects: list[Object]) -> tuple[Table, Table]:
    """What each part may connect to by TCP (UDP on port 53 alone, and then with TCP), and who may connect to each:
    `peer/port`. Parts that are there on both sides stand in the first table."""
    policies = [item for item in objects if item["kind"] == "NetworkPolicy"]
    own = ends(objects, "sched")
    out: Table = {end.name: set() for end in own}
    into: Table = {end.name: set() for end in own}
    for part in own:
        for other in [*own, *OTHERS]:
            for port in PORTS:
                if other is not part and reached(policies, part, other, "TCP", port):
                    out[part.name].add(f"{other.name}/{port}")
                if other not in own and reached(policies, other, part, "TCP", port):
                    into[part.name].add(f"{other.name}/{port}")
                if other is not part and reached(policies, part, other, "UDP", port):
                    assert (port, f"{other.name}/{port}" in out[part.name]) == (53, True)
                assert other in own or not reached(policies, other, part, "UDP", port)
    return out, into


def outside(*ports: int) -> set[str]:
    """Ports at everybody who is not of the release."""
    return {f"{end.name}/{port}" for end in OTHERS for port in ports}


def at(port: int, *names: str) -> set[str]:
    return {f"{name}/{port}" for name in names}


def test_what_is_named_is_reached_and_nothing_else(helm: Helm) -> None:
    values = yaml.safe_load((CHART / "ci" / "network-values.yaml").read_text("utf-8"))

    out, into = table(helm.made(values))

    common = {"dns/53", "redis/6379"}
    server = {"apiserver/6443"}
    public = {"public/80", "public/443", "public6/80", "public6/443"}
    assert out == {
        "operator": {*common, *server, "runs-apiserver/8443", "collector/4318"},
        "worker-default": {*common, *server, *public, "collector/4318"},
        "worker-closed": {*common, "collector/4318"},
        "api": common | server,
        "runs-apiserver": common | server,
        "webhook": set(),
        "redis": set(),
        "test": {*common, *server, "api/3051", "webhook/9443"},
    }
    everybody = {end.name for end in OTHERS}
    assert into == {
        "operator": {"prometheus/8080", "prometheus/8081"},
        "worker-default": {"prometheus/8080"},
        "worker-closed": {"prometheus/8080"},
        "api": {"ingress/3051", "prometheus/8084"},
        "runs-apiserver": at(8443, *everybody) | {"prometheus/8082"},
        "webhook": at(9443, *everybody) | {"prometheus/8083"},
        "redis": set(),
        "test": set(),
    }


def test_where_nothing_is_named_the_ports_alone_are_open(helm: Helm) -> None:
    out, into = table(helm.made({"redis": {"host": "r", "port": 6380}, "networkPolicy": {"enabled": True}}))

    anywhere = outside(53, 6380, 443, 6443, 8443)
    public = {"public/80", "public6/80", "public/443", "public6/443"}  # nobody private
    assert out == {
        "operator": anywhere,
        "worker-default": outside(53, 6380) | public,  # without rights it does not ask the API server
        "api": anywhere,
        "test": outside(53, 6380) | {"api/3051"},
    }
    inside = {end.name for end in OTHERS if end.namespace}
    assert into == {
        "operator": at(8080, *inside) | at(8081, *inside),
        "worker-default": at(8080, *inside),
        "api": at(3051, *inside) | at(8084, *inside),
        "test": set(),
    }


def test_a_public_api_rules_of_ones_own_and_nobody_who_measures(helm: Helm) -> None:
    values = {
        "redis": {"existingSecret": {"name": "redis"}},
        "traces": {"endpoint": "https://collector.example"},
        "tests": {"enabled": False},
        "webhook": {"enabled": True},
        "api": {"service": {"type": "LoadBalancer"}},
        "workerDefaults": {"egress": []},
        "networkPolicy": {
            "enabled": True,
            "apiFrom": [{"ipBlock": {"cidr": "93.184.0.0/16"}}, {"ipBlock": {"cidr": "2606::/16"}}],
            "metricsFrom": [],
            "egress": [{"to": [{"ipBlock": {"cidr": "10.1.2.3/32"}}], "ports": [{"port": 22}]}],
            "apiServer": {"cidrs": ["10.0.0.1/32"], "ports": [6443]},
            "dns": {"to": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}}]},
            "redis": {"ports": [6380], "to": [{"namespaceSelector": {"matchLabels": {PLACE: "data"}}}]},
        },
    }

    out, into = table(helm.made(values))

    common = {"dns/53", "redis-there/6380", "private/22"}
    assert out == {
        "operator": {*common, "apiserver/6443", *outside(443)},
        "worker-default": {*common, *outside(443)},
        "api": {*common, "apiserver/6443"},
        "webhook": {"private/22"},
    }
    assert into == {
        "operator": set(),
        "worker-default": set(),
        "api": {"public/3051", "public6/3051"},
        "webhook": at(9443, *(end.name for end in OTHERS)),
    }


def test_without_policies_all_is_open(helm: Helm) -> None:
    out, into = table_of_one(helm.made({"redis": {"host": "r"}}))
    assert len(out) == len(into) == len(PORTS) * len(OTHERS)


def table_of_one(objects: list[Object]) -> tuple[set[str], set[str]]:
    """The operator's part of the table, towards others."""
    policies = [item for item in objects if item["kind"] == "NetworkPolicy"]
    (own,) = [end for end in ends(objects, "sched") if end.name == "operator"]
    ways = [(own, other) for other in OTHERS], [(other, own) for other in OTHERS]
    found = [
        {
            f"{one.name}-{two.name}/{port}"
            for one, two in way
            for port in PORTS
            if reached(policies, one, two, "TCP", port)
        }
        for way in ways
    ]
    return found[0], found[1]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"redis": {"existingSecret": {"name": "s"}}}, r"write it down, as networkPolicy\.redis\.ports=\[6379\]"),
        (
            {"redis": {"host": "r"}, "api": {"service": {"type": "NodePort"}}},
            r"of type NodePort .* \{ipBlock: \{cidr: ",
        ),
    ],
)
def test_what_would_be_cut_off_is_refused(helm: Helm, values: Object, says: str) -> None:
    with pytest.raises(HelmError, match=says):
        helm.made({"networkPolicy": {"enabled": True}, **values})


@pytest.mark.parametrize(
    ("endpoint", "port"),
    [("http://c.o:4318", 4318), ("https://c.o", 443), ("http://[fd00::1]:9/otlp", 9), ("http://c", 80)],
)
def test_traces_are_told_and_let_out(helm: Helm, endpoint: str, port: int) -> None:
    told = {
        "endpoint": endpoint,
        "headersSecret": {"name": "collector", "key": "token"},
        "caSecret": {"name": "collector-ca"},
    }
    objects = helm.made({"redis": {"host": "r"}, "traces": told, "networkPolicy": {"enabled": True}})

    tellers = {}
    for pod in pods(objects):
        for container in pod["spec"]["containers"]:
            found = {one["name"]: one.get("value", one.get("valueFrom")) for one in container["env"]}
            traces = {name: value for name, value in found.items() if name.startswith("OTEL_")}
            if traces:
                tellers[container["name"]] = traces
                assert {"name": "traces-ca", "mountPath": "/etc/kronstream/traces-ca", "readOnly": True} in container[
                    "volumeMounts"
                ]
    wanted = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_HEADERS": {"secretKeyRef": {"name": "collector", "key": "token"}},
        "OTEL_EXPORTER_OTLP_CERTIFICATE": "/etc/kronstream/traces-ca/ca.crt",
    }
    assert tellers == {"operator": wanted, "worker": wanted}  # who makes spans, and nobody else
    rule = {"ports": [{"protocol": "TCP", "port": port}]}
    letting = {
        item["metadata"]["name"]
        for item in objects
        if item["kind"] == "NetworkPolicy" and rule in item["spec"].get("egress", ())
    }
    assert letting == {"kronstream-operator", "kronstream-worker"}
