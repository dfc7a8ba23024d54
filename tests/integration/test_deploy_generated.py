"""`deploy/` is what the chart makes: the base as it is, and each overlay by kustomize."""

import json
from collections.abc import Callable
from functools import cache

import pytest
import yaml
from scripts.deploy import COMPONENTS, DEPLOY, NAMESPACE, OVERLAYS, VALUES, Key, Object, generated, objects, rendered

from integration.reach import End, ends, reached
from kronstream.dev.kubectl import Kubectl

TOP = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
BESIDE = {"CustomResourceDefinition", "Namespace"}  # of the base, and not from the chart
PLACES = {"base": "deploy", **{name: f"deploy/overlays/{name}" for name in ("minimal", "ha", "dev")}}
WITH = [(), ("runs-apiserver",), ("webhook",), ("runs-apiserver", "webhook")]
Built = Callable[..., dict[Key, Object]]


@pytest.fixture(scope="module")
def built(kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The objects of a kustomization of one's own over an overlay, with components and patches."""

    @cache
    def build(overlay: str, components: tuple[str, ...] = (), patch: str = "") -> dict[Key, Object]:
        # kustomize takes no absolute path
        top = tmp_path_factory.mktemp("top")
        for linked in ("deploy", "crds"):
            (top / linked).symlink_to(DEPLOY.parent / linked)
        (top / "own").mkdir()
        under = {**TOP, "resources": [f"../{PLACES[overlay]}"], "patches": [{"patch": patch}] if patch else []}
        (top / "own" / "kustomization.yaml").write_text(yaml.safe_dump(under))
        kinds = {"resources": ["own"], "components": [f"deploy/{name}" for name in components]}
        (top / "kustomization.yaml").write_text(yaml.safe_dump({**TOP, **kinds}))
        return objects({"all": kubectl("kustomize", "--load-restrictor=LoadRestrictionsNone", str(top))})

    return build


def test_every_file_is_as_generated() -> None:
    wanted = generated()
    assert len(wanted) > 15
    assert [file for file, text in wanted.items() if not file.exists() or file.read_text("utf-8") != text] == []


@pytest.mark.parametrize("name", ["base", *OVERLAYS])
def test_kustomize_makes_what_the_chart_makes(name: str, built: Built) -> None:
    made = built("base", (name,)) if name in COMPONENTS else built(name)
    values = [VALUES / "base.yaml", *([] if name == "base" else [VALUES / f"{name}.yaml"])]

    wanted = objects(rendered(*values))
    if name == "ha":  # its policies hold for the components, too
        full = objects(rendered(*values, *(VALUES / f"{name}.yaml" for name in sorted(COMPONENTS))))
        wanted |= {key: item for key, item in full.items() if key[0] == "NetworkPolicy"}

    assert {key: item for key, item in made.items() if key[0] not in BESIDE} == wanted
    assert {key[0] for key in made.keys() - wanted.keys()} == BESIDE


@pytest.mark.parametrize("name", ["minimal", "ha", "dev"])
def test_an_overlay_is_taken_by_the_api_server(name: str, kubectl: Kubectl) -> None:
    text = kubectl("kustomize", str(OVERLAYS[name]))
    everything = {"apiVersion": "v1", "kind": "List", "items": list(objects({"all": text}).values())}
    said = kubectl(
        "apply", "--server-side", "--force-conflicts", "--dry-run=server", "--warnings-as-errors", "-f", "-",
        stdin=json.dumps(everything),
    )  # fmt: skip
    assert said.count("serverside-applied") == len(everything["items"])


def environs(made: dict[Key, Object]) -> dict[str, list[Object]]:
    """The environment of each container, by `deployment/container`."""
    return {
        f"{key[2]}/{container['name']}": container["env"]
        for key, item in made.items()
        if key[0] == "Deployment"
        for container in item["spec"]["template"]["spec"]["containers"]
    }


@pytest.mark.parametrize("components", WITH, ids="+".join)
@pytest.mark.parametrize("overlay", PLACES)
def test_all_parts_of_an_overlay_use_one_redis(overlay: str, components: tuple[str, ...], built: Built) -> None:
    found = environs(built(overlay, components))

    assert ("kronstream-runs/runs-apiserver" in found) is ("runs-apiserver" in components)
    redis = {
        place: [one for one in env if one["name"].startswith("KRONSTREAM_REDIS_")]
        for place, env in found.items()
        if not place.startswith("kronstream-webhook/")  # it knows no Redis
    }
    assert len(redis) >= 4
    wanted = redis["kronstream-worker/worker"]
    assert [one["name"] for one in wanted] == ["KRONSTREAM_REDIS_URL", "KRONSTREAM_REDIS_PASSWORD"]
    assert redis == dict.fromkeys(redis, wanted)
    assert ("value" in wanted[0]) is (overlay in ("minimal", "dev"))


OWN = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: kronstream-operator, namespace: kronstream-system}
spec:
  template:
    spec:
      containers:
      - name: operator
        env:
        - {name: HTTPS_PROXY, value: "http://proxy:3128"}
        - {name: KRONSTREAM_REDIS_URL, value: "redis://mine:6379/0", valueFrom: null}
        volumeMounts: [{name: mine, mountPath: /mine}]
      volumes: [{name: mine, emptyDir: {}}]
"""


@pytest.mark.parametrize("overlay", PLACES)
def test_a_component_adds_and_takes_nothing_away(overlay: str, built: Built) -> None:
    before, after = (built(overlay, some, OWN) for some in ((), ("runs-apiserver", "webhook")))

    for key in before:
        if key != ("Deployment", NAMESPACE, "kronstream-operator"):
            assert after[key] == before[key]
            continue
        kept, made = before[key]["spec"]["template"]["spec"], after[key]["spec"]["template"]["spec"]
        assert {"mine", "tmp", "runs-ca"} == {volume["name"] for volume in made["volumes"]}
        pairs = [(kept["volumes"], made["volumes"])]
        for one, two in zip(kept["containers"], made["containers"], strict=True):
            pairs += [(one[name], two[name]) for name in ("env", "volumeMounts")]
        assert all(item in new for old, new in pairs for item in old)
    found = environs(after)
    address = {"name": "KRONSTREAM_REDIS_URL", "value": "redis://mine:6379/0"}
    for place in ("kronstream-operator/operator", "kronstream-runs/runs-apiserver"):
        assert address in found[place]


NODE = End("node", "192.168.1.10")  # where kube-apiserver comes from
REDIS = End("redis", "10.1.2.3", "data", {"app": "redis"})
DNS = End("dns", "10.244.9.1", "kube-system", {"k8s-app": "kube-dns"})
PROMETHEUS = End("prometheus", "10.244.9.2", "monitoring", {"app": "prometheus"})


@pytest.mark.parametrize("components", WITH, ids="+".join)
@pytest.mark.parametrize("overlay", PLACES)
def test_no_component_is_cut_off(overlay: str, components: tuple[str, ...], built: Built) -> None:
    made = list(built(overlay, components).values())
    policies = [item for item in made if item["kind"] == "NetworkPolicy"]
    parts = {end.name: end for end in ends(made, NAMESPACE)}

    assert bool(policies) is (overlay == "ha")
    ways = [(parts[name], REDIS, 6379) for name in ("operator", "api", "worker-default")]
    if "runs-apiserver" in components:
        server = parts["runs-apiserver"]
        ways += [(NODE, server, 8443), (parts["operator"], server, 8443), (PROMETHEUS, server, 8082)]
        ways += [(server, REDIS, 6379), (server, NODE, 6443), (server, DNS, 53)]
    if "webhook" in components:
        ways += [(NODE, parts["webhook"], 9443), (PROMETHEUS, parts["webhook"], 8083)]
    for source, target, port in ways:
        assert reached(policies, source, target, "TCP", port), (source.name, target.name, port)
    if overlay == "ha":
        assert not any(reached(policies, part, REDIS, "TCP", 22) for part in parts.values())


def test_a_rollout_is_held_up_by_no_tainted_node(built: Built) -> None:
    made = built("ha")

    for key in made:
        if key[0] == "Deployment":
            spread = made[key]["spec"]["template"]["spec"]["topologySpreadConstraints"]
            assert [one["whenUnsatisfiable"] for one in spread] == ["ScheduleAnyway", "DoNotSchedule"]
            for one in spread:
                assert (one["nodeTaintsPolicy"], one["matchLabelKeys"]) == ("Honor", ["pod-template-hash"])
