"""Kubernetes makes variables of Services for each Pod of their namespace: none may be taken for a setting."""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from kronstream.api.settings import ApiSettings

DEPLOY = Path(__file__).parents[2] / "deploy"


def objects() -> Iterator[dict[str, Any]]:
    for file in sorted(DEPLOY.rglob("*.yaml")):
        if file.parent.name != "values" and "kustomization" not in file.name.lower():
            yield from (one for one in yaml.safe_load_all(file.read_text(encoding="utf-8")) if isinstance(one, dict))


PODS = {
    f"{one['kind']}/{one['metadata']['name']}/{number}": one["spec"]["template"]["spec"]
    for number, one in enumerate(objects())
    if one.get("kind") in {"Deployment", "StatefulSet"}
}


def test_a_variable_of_a_service_has_the_name_of_a_setting() -> None:
    services = {one["metadata"]["name"] for one in objects() if one.get("kind") == "Service"}
    made = {f"{name.upper().replace('-', '_')}_PORT" for name in services}
    assert made & {item.metadata.get("env") for item in fields(ApiSettings)} == {"KRONSTREAM_API_PORT"}


@pytest.mark.parametrize("name", PODS)
def test_no_pod_gets_them(name: str) -> None:
    assert PODS[name]["enableServiceLinks"] is False
