"""`deploy/` is what the chart makes: the base as it is, and each overlay by kustomize."""

import json
from typing import Any

import pytest
import yaml
from scripts.deploy import COMPONENTS, DEPLOY, OVERLAYS, VALUES, generated, objects, rendered

from kronstream.dev.kubectl import Kubectl

TOP = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
BESIDE = {"CustomResourceDefinition", "Namespace"}  # of the base, and not from the chart


def test_every_file_is_as_generated() -> None:
    wanted = generated()
    assert len(wanted) > 15
    assert [file for file, text in wanted.items() if not file.exists() or file.read_text("utf-8") != text] == []


@pytest.mark.parametrize("name", ["base", *OVERLAYS])
def test_kustomize_makes_what_the_chart_makes(name: str, kubectl: Kubectl, tmp_path_factory: Any) -> None:
    folder = {"base": DEPLOY, **OVERLAYS}[name]
    if name in COMPONENTS:
        # a component stands in a kustomization; kustomize takes no absolute path
        top = tmp_path_factory.mktemp("top")
        for linked in ("deploy", "crds"):
            (top / linked).symlink_to(DEPLOY.parent / linked)
        kinds = {"resources": ["deploy"], "components": [f"deploy/{name}"]}
        (top / "kustomization.yaml").write_text(yaml.safe_dump({**TOP, **kinds}))
        folder = top
    made = objects({"all": kubectl("kustomize", "--load-restrictor=LoadRestrictionsNone", str(folder))})
    values = [VALUES / "base.yaml", *([] if name == "base" else [VALUES / f"{name}.yaml"])]

    wanted = objects(rendered(*values))

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
