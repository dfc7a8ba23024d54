"""Where the chart's Pods go: topology spread, affinity, priority, and what keeps replicas when nodes are drained."""

from collections.abc import Iterator
from typing import Any

import yaml

from integration.charting import CHART, Helm, Object

ALL: Object = {
    "redis": {"embedded": {"enabled": True}},
    "runs": {"enabled": True},
    "webhook": {"enabled": True},
    "workers": [{"name": "default"}, {"name": "gpu"}],
}
PARTS = {
    "kronstream-operator": "operator",
    "kronstream-api": "api",
    "kronstream-runs": "runs-apiserver",
    "kronstream-webhook": "webhook",
    "kronstream-redis": "redis",
    "kronstream-worker": "worker",
    "kronstream-worker-gpu": "worker",
}


def templates(objects: list[Object]) -> Iterator[tuple[str, dict[str, Any], Object]]:
    """Name of what keeps them, selector, and template of the Pods of the release."""
    for item in objects:
        if item["kind"] in ("Deployment", "StatefulSet"):
            yield item["metadata"]["name"], item["spec"]["selector"]["matchLabels"], item["spec"]["template"]


def budgets(objects: list[Object]) -> dict[str, Object]:
    return {item["metadata"]["name"]: item["spec"] for item in objects if item["kind"] == "PodDisruptionBudget"}


def test_each_part_keeps_away_from_its_own_replicas_and_from_no_others(helm: Helm) -> None:
    found = list(templates(helm.made(ALL)))

    assert {name: selector["app.kubernetes.io/component"] for name, selector, _ in found} == PARTS
    for name, selector, template in found:
        labels, spec = template["metadata"]["labels"], template["spec"]
        assert selector.items() <= labels.items(), name
        assert spec["topologySpreadConstraints"] == [
            {
                "maxSkew": 1,
                "topologyKey": key,
                "whenUnsatisfiable": "ScheduleAnyway",
                "nodeTaintsPolicy": "Honor",
                "matchLabelKeys": ["pod-template-hash"],
                "labelSelector": {"matchLabels": selector},
            }
            for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
        ]
        (preferred,) = spec["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
        assert preferred["podAffinityTerm"] == {
            "topologyKey": "kubernetes.io/hostname",
            "labelSelector": {"matchLabels": selector},
        }
        assert set(spec["affinity"]) == {"podAntiAffinity"}
        assert "priorityClassName" not in spec
        chosen = [one for one, other, _ in found if other.items() <= labels.items()]
        assert chosen == [name]  # nobody selects the Pods of another


def test_what_is_said_goes_before_and_a_parts_own_before_that(helm: Helm) -> None:
    spread = {"maxSkew": 2, "topologyKey": "rack", "whenUnsatisfiable": "DoNotSchedule"}
    chosen = {"labelSelector": {"matchLabels": {"app": "all"}}}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}}
    values = {
        **ALL,
        "pods": {"priorityClassName": "middle", "topologySpreadConstraints": [spread], "nodeSelector": {"a": "b"}},
        "priorityClass": {"create": True},
        "api": {"pods": {"topologySpreadConstraints": [{**spread, **chosen}]}},
        "workers": [
            {"name": "default"},
            {"name": "gpu", "pods": {"priorityClassName": "low", "affinity": affinity, "nodeSelector": {"gpu": "yes"}}},
        ],
    }

    specs = {name: (selector, template["spec"]) for name, selector, template in templates(helm.made(values))}

    for name, (selector, spec) in specs.items():
        own = chosen if name == "kronstream-api" else {"labelSelector": {"matchLabels": selector}}
        assert spec["topologySpreadConstraints"] == [{**spread, **own}]
        assert spec["priorityClassName"] == ("low" if name == "kronstream-worker-gpu" else "middle")
    assert specs["kronstream-worker-gpu"][1]["affinity"] == affinity
    assert specs["kronstream-worker-gpu"][1]["nodeSelector"] == {"a": "b", "gpu": "yes"}
    assert set(specs["kronstream-worker"][1]["affinity"]) == {"podAntiAffinity"}


def test_what_dispatches_goes_before_what_executes(helm: Helm) -> None:
    objects = helm.made({**ALL, "priorityClass": {"create": True, "value": 7}})

    (made,) = [item for item in objects if item["kind"] == "PriorityClass"]
    assert (made["metadata"]["name"], made["value"]) == ("kronstream", 7)
    classes = {name: template["spec"].get("priorityClassName") for name, _, template in templates(objects)}
    assert classes == {name: None if part == "worker" else "kronstream" for name, part in PARTS.items()}


def test_one_replica_at_a_time_is_taken_from_each_part_that_has_several(helm: Helm) -> None:
    objects = helm.made(ALL)

    found = budgets(objects)
    # a single Redis could not be kept without holding up the node
    assert set(found) == set(PARTS) - {"kronstream-redis"}
    for name, selector, _ in templates(objects):
        if name in found:
            assert found[name] == {
                "maxUnavailable": 1,
                "unhealthyPodEvictionPolicy": "AlwaysAllow",
                "selector": {"matchLabels": selector},
            }


def test_no_budget_where_it_is_off(helm: Helm) -> None:
    off = {"podDisruptionBudget": {"enabled": False}}
    values = {
        "redis": {"host": "r"},
        "runs": {"enabled": True, **off},
        "webhook": {"enabled": True},
        "operator": off,
        "api": off,
        "workerDefaults": off,
        "workers": [{"name": "default"}, {"name": "kept", "podDisruptionBudget": {"enabled": True}}],
    }

    assert set(budgets(helm.made(values))) == {"kronstream-worker-kept", "kronstream-webhook"}


def test_pods_are_replaced_and_scheduled_as_is_said(helm: Helm) -> None:
    values = yaml.safe_load((CHART / "ci" / "own-values.yaml").read_text("utf-8"))
    specs = {
        item["metadata"]["name"].removeprefix("kronstream-"): item["spec"]
        for item in helm.made(values)
        if item["kind"] == "Deployment"
    }

    slow = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}
    assert {name: spec["strategy"] for name, spec in specs.items()} == {
        "operator": slow,
        "worker": {"rollingUpdate": {"maxSurge": "25%"}},
        **{name: {"type": "Recreate"} for name in ("api", "runs", "webhook", "worker-other")},
    }
    for name, spec in specs.items():
        pod = spec["template"]["spec"]
        assert spec["revisionHistoryLimit"] == 0
        assert pod["schedulerName"] == ("default-scheduler" if name == "operator" else "bin-packer")
        assert (pod["dnsPolicy"], pod["dnsConfig"]) == ("ClusterFirst", {"options": [{"name": "ndots", "value": "2"}]})
    for spec in (item["spec"] for item in helm.made(ALL) if item["kind"] == "Deployment"):
        assert not {"strategy", "revisionHistoryLimit"} & spec.keys()
        assert not {"schedulerName", "dnsPolicy", "dnsConfig", "hostNetwork"} & spec["template"]["spec"].keys()


def test_servers_that_no_pod_network_leads_to_are_in_the_network_of_nodes(helm: Helm) -> None:
    on = {"enabled": True, "hostNetwork": True}
    found = {
        name: (template["spec"].get("hostNetwork"), template["spec"].get("dnsPolicy"))
        for name, _, template in templates(helm.made({**ALL, "runs": on, "webhook": on}))
    }

    there = dict.fromkeys(("kronstream-runs", "kronstream-webhook"), (True, "ClusterFirstWithHostNet"))
    assert found == {**dict.fromkeys(PARTS, (None, None)), **there}
