"""What an administrator has of their own in the chart: accounts, ways in, volumes, issuers, names; and what is told."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from integration.charting import CHART, ROOT, Helm, Object

HOST = {"redis": {"host": "redis"}}


def named(objects: list[Object], kind: str, name: str) -> Object:
    (found,) = [item for item in objects if (item["kind"], item["metadata"]["name"]) == (kind, name)]
    return found


def test_cert_manager_is_told_how_long_and_by_whom(helm: Helm) -> None:
    def asked(name: str) -> list[tuple[str | None, Object]]:
        values = yaml.safe_load((CHART / "ci" / f"{name}-values.yaml").read_text("utf-8"))
        made = [item["spec"] for item in helm.made(values) if item["kind"] == "Certificate"]
        return [(spec.get("duration"), spec["issuerRef"]) for spec in made if not spec.get("isCA")]

    external = {"name": "company", "kind": "AWSPCAClusterIssuer", "group": "awspca.cert-manager.io"}
    assert asked("ingress") == [("2160h", external)]
    assert asked("certmanager") == [(None, {"name": "kronstream-ca", "kind": "Issuer"})] * 3


def test_each_part_runs_as_the_account_that_is_named_and_has_its_rights(helm: Helm) -> None:
    values = yaml.safe_load((CHART / "ci" / "own-values.yaml").read_text("utf-8"))
    objects = helm.made(values)

    made = {item["metadata"]["name"] for item in objects if item["kind"] == "ServiceAccount"}
    assert made == {"jobs-operator", "10", "shared", "kronstream-withdraw"}
    runs_as = {
        item["metadata"]["name"].removeprefix("kronstream-"): item["spec"]["template"]["spec"]["serviceAccountName"]
        for item in objects
        if item["kind"] == "Deployment"
    }
    assert runs_as == {
        "operator": "jobs-operator",
        "api": "identity-of-the-api",
        "runs": "10",
        "webhook": "default",
        "worker": "shared",
        "worker-other": "shared",
    }
    bound = {
        (item["metadata"]["name"].removeprefix("kronstream-"), subject["name"])
        for item in objects
        if item["kind"].endswith("Binding")
        for subject in item["subjects"]
    }
    assert bound >= {
        ("operator", "jobs-operator"),
        ("api-reviews", "identity-of-the-api"),
        ("runs.sched", "10"),
        ("worker", "shared"),
        ("worker-other-impersonate", "shared"),
    }
    assert {account for _, account in bound} <= {*runs_as.values(), "kronstream-withdraw"}


def test_an_ingress_leads_to_the_port_of_the_api(helm: Helm) -> None:
    values = yaml.safe_load((CHART / "ci" / "ingress-values.yaml").read_text("utf-8"))
    objects = helm.made(values)

    spec = named(objects, "Ingress", "kronstream-api")["spec"]
    service = named(objects, "Service", "kronstream-api")["spec"]
    assert service["loadBalancerSourceRanges"] == ["203.0.113.0/24", "2001:db8::/32"]
    assert (spec["ingressClassName"], spec["tls"][0]["secretName"]) == ("nginx", "jobs-tls")
    assert [rule["host"] for rule in spec["rules"]] == ["jobs.example.com", "*.jobs.example.com"]
    for rule in spec["rules"]:
        (path,) = rule["http"]["paths"]
        assert (path["path"], path["pathType"]) == ("/", "Prefix")
        assert path["backend"] == {"service": {"name": "kronstream-api", "port": {"name": service["ports"][0]["name"]}}}
    assert not [item for item in helm.made(HOST) if item["kind"] == "Ingress"]


def test_every_part_takes_environment_and_volumes_of_ones_own(helm: Helm) -> None:
    values = yaml.safe_load((CHART / "ci" / "own-values.yaml").read_text("utf-8"))

    found = set()
    for item in helm.made(values):
        if item["kind"] == "Deployment" and not item["metadata"]["name"].startswith("kronstream-worker"):
            spec = item["spec"]["template"]["spec"]
            volumes = {volume["name"] for volume in spec["volumes"]}
            for container in spec["containers"]:
                found.add(container["name"])
                own = {"zones": "/zones", "authority": "/etc/ssl/company"}
                mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
                assert own.items() & mounts.items()
                assert set(mounts) <= volumes
                assert container["envFrom"] == [{"configMapRef": {"name": "proxy"}}]
    assert found == {"operator", "router", "api", "runs-apiserver", "webhook"}


@pytest.mark.parametrize(
    ("workers", "says"),
    [
        ([{"name": "default"}], []),
        ([{"name": "a", "queues": ["other"]}, {"name": "b", "queues": ["default=2"]}], []),
        ([{"name": "a", "queues": ["reports=4", "mail"]}, {"name": "b", "queues": ["z"]}], ["queue: reports"]),
        ([{"name": "a", "queues": ["true"]}], ['queue: "true"']),
        ([], ["This release has no workers"]),
    ],
)
def test_the_first_job_goes_where_a_worker_is(helm: Helm, workers: list[Object], says: list[str]) -> None:
    given = yaml.safe_dump({"crds": {"install": False}, **HOST, "workers": workers})

    said = helm("install", "kronstream", str(CHART), "-n", "sched", "--dry-run=client", "-f", "-", stdin=given)

    notes = said.split("\nNOTES:\n")[1]
    assert [part for part in ("queue: ", "has no workers") if part in notes] == [
        part for part in ("queue: ", "has no workers") if any(part in one for one in says)
    ]
    assert all(one in notes for one in says)
    job = yaml.safe_load(notes.split("<<EOF\n")[1].split("  EOF")[0])
    assert job["spec"]["handler"] == {"function": {"name": "echo"}}


def test_a_hook_without_rights_is_not_made(helm: Helm) -> None:
    def hooks(create: bool) -> set[str]:
        objects = helm.made({**HOST, "runs": {"enabled": True}, "rbac": {"create": create}})
        return {item["kind"] for item in objects if item["metadata"]["name"] == "kronstream-withdraw"}

    assert hooks(create=True) == {"ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Job"}
    assert hooks(create=False) == set()


def test_it_is_a_part_of_another_chart_where_that_wants_it(helm: Helm, tmp_path: Path) -> None:
    own = {"name": "kronstream", "version": "0.1.0", "condition": "kronstream.enabled"}
    chart = {"apiVersion": "v2", "name": "platform", "version": "1.0.0", "dependencies": [own]}
    (tmp_path / "Chart.yaml").write_text(yaml.safe_dump(chart))
    (tmp_path / "charts").mkdir()
    (tmp_path / "charts" / "kronstream").symlink_to(CHART)

    def made(*, enabled: bool) -> int:
        values = {"global": {"team": "a"}, "kronstream": {**HOST, "enabled": enabled, "crds": {"install": False}}}
        text = helm("template", "platform", str(tmp_path), "-f", "-", stdin=yaml.safe_dump(values))
        return len([one for one in yaml.load_all(text, yaml.CSafeLoader) if one])

    assert made(enabled=True) > 20
    assert made(enabled=False) == 0


@pytest.mark.parametrize(
    ("said", "begin"),
    [
        ({}, "https://kronstream.dev/docs/runbooks/"),
        ({"runbookUrl": "http://wiki.example/k8s/"}, "http://wiki.example/k8s/"),
    ],
)
def test_alerts_lead_to_runbooks_by_whole_addresses(helm: Helm, said: Object, begin: str) -> None:
    objects = helm.made({**HOST, "monitoring": {"rules": {"enabled": True, **said}}})

    groups = [group for item in objects if item["kind"] == "PrometheusRule" for group in item["spec"]["groups"]]
    alerts = [rule for group in groups for rule in group["rules"] if "alert" in rule]
    assert len(alerts) > 12
    for alert in alerts:
        url = alert["annotations"]["runbook_url"]
        assert url.startswith(begin)
        assert (ROOT / "docs" / "runbooks" / url.removeprefix(begin)).is_file()


def texts(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """What must be text of an object: names, keys, values of labels, variables and the like."""
    if isinstance(value, dict):
        for key, inner in value.items():
            place = f"{path}.{key}"
            if path.endswith(("abels", "nnotations", "odeSelector", "metadata")) or key in TEXTS:
                yield place, inner
            yield from texts(inner, place)
    elif isinstance(value, list):
        for inner in value:
            if path.endswith((".values", ".resourceNames", ".args")):
                yield path, inner
            yield from texts(inner, path)


TEXTS = {"name", "namespace", "key", "value", "secretName", "priorityClassName", "serviceAccountName", "serviceName"}


def test_what_looks_like_a_number_stays_text(helm: Helm) -> None:
    values = yaml.safe_load((CHART / "ci" / "numbers-values.yaml").read_text("utf-8"))
    objects = helm.made(values, release="true", namespace="123")

    found = [one for item in objects for one in texts({"metadata": item["metadata"], "spec": item.get("spec", {})})]
    found += [one for item in objects for rule in item.get("rules") or () for one in texts(rule)]
    wrong = [one for one in found if not isinstance(one[1], str | dict | list) and "policies" not in one[0]]
    assert wrong == []
    assert len(found) > 400
    (scaler,) = [item for item in objects if item["kind"] == "HorizontalPodAutoscaler"]
    (metric,) = scaler["spec"]["metrics"]
    (queue,) = metric["external"]["metric"]["selector"]["matchExpressions"]
    assert queue["values"] == ["123", "true", "null"]
