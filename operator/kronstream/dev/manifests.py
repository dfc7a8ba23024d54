"""Where the manifests are: inside an installed wheel, or at the root of the repository."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from kronstream.dev.errors import DevError

PACKAGE = Path(__file__).resolve().parents[1]
REPOSITORY = PACKAGE.parents[1]

# What the operator and the worker are allowed to do. Deployments are left out: here they run as child processes.
RIGHTS = frozenset({"Namespace", "ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"})


def manifests_dir(name: str) -> Path:
    """The folder `name` (`crds`, `deploy`, `examples`) of the wheel, else of the repository.

    Raises DevError where neither has it: then the installation is incomplete.
    """
    places = (PACKAGE / "_manifests" / name, REPOSITORY / name)
    for place in places:
        if place.is_dir():
            return place
    raise DevError(
        f"the manifests '{name}' are missing: looked in {' and '.join(map(str, places))}.\n"
        "Install kronstream again, or run from a checkout of its repository."
    )


def documents(files: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """Every YAML document of `files` that is a Kubernetes object, in order."""
    for file in files:
        for document in yaml.safe_load_all(file.read_text(encoding="utf-8")):
            if isinstance(document, dict) and "kind" in document and "apiVersion" in document:
                yield document


def yaml_files(folder: Path) -> list[Path]:
    """The YAML files directly in `folder`, by name."""
    return sorted(file for file in folder.iterdir() if file.suffix in {".yaml", ".yml"} and file.is_file())


def crds() -> list[dict[str, Any]]:
    """The CustomResourceDefinitions that this version of kronstream serves."""
    found = documents(yaml_files(manifests_dir("crds")))
    return [document for document in found if document["kind"] == "CustomResourceDefinition"]


def rights(*more: str) -> list[dict[str, Any]]:
    """Namespace, service accounts and RBAC of `deploy/base`, and of more folders of `deploy/`; namespaces first."""
    folder = manifests_dir("deploy")
    files = [file for name in ("base", *more) for file in yaml_files(folder / name)]
    found = [document for document in documents(files) if document["kind"] in RIGHTS]
    return sorted(found, key=lambda document: document["kind"] != "Namespace")
