"""Writes `deploy/` from the chart: `python -m scripts.deploy`; `--check` only tells what is not as generated.

`deploy/values/` holds the values: `base.yaml` makes `deploy/base/`; each other file is laid over it and makes, under
the same name, an overlay or a component (`runs-apiserver`, `webhook`): the objects that are added, and a JSON patch for
each that differs. A component only adds, and finds Redis where the operator does that it is put beside; the policies of
an overlay hold for the Pods of components, too.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from kronstream.dev.binaries import find

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
VALUES = DEPLOY / "values"
CHART = ROOT / "charts" / "kronstream"
NAMESPACE = "kronstream-system"
OPERATOR = "kronstream-operator"
POLICIES = "networkpolicies.yaml"
OVERLAYS = {
    "minimal": DEPLOY / "overlays" / "minimal",
    "ha": DEPLOY / "overlays" / "ha",
    "dev": DEPLOY / "overlays" / "dev",
    "runs-apiserver": DEPLOY / "runs-apiserver",
    "webhook": DEPLOY / "webhook",
}
COMPONENTS = {"runs-apiserver", "webhook"}
HELM_ONLY = re.compile(r"^ +(helm\.sh/chart|app\.kubernetes\.io/managed-by): .*\n", re.MULTILINE)
MARK = "# Generated from charts/kronstream by `make chart`. Do not edit.\n"

Object = dict[str, Any]
Key = tuple[str, str, str]


class _Block(str):
    """Text that is written over several lines."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper): ...


_Dumper.add_representer(_Block, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|"))


def rendered(*values: Path) -> dict[str, str]:
    """The text of each template's objects, as `helm template` makes them with these values, one over the other."""
    with tempfile.TemporaryDirectory() as home:
        places = {f"HELM_{name}_HOME": home for name in ("CACHE", "CONFIG", "DATA")}
        command = [str(find(["helm"], os.environ).path("helm")), "template", "kronstream", str(CHART), "-n", NAMESPACE]
        command += ["--no-hooks", *(part for file in values for part in ("-f", str(file)))]
        said = subprocess.run(command, env={**os.environ, **places}, capture_output=True, text=True, check=False)
    if said.returncode != 0:
        raise SystemExit(said.stderr)
    found: dict[str, str] = {}
    for document in re.split(r"^---\n", HELM_ONLY.sub("", said.stdout), flags=re.MULTILINE):
        source, _, text = document.partition("\n")
        if yaml.safe_load(document):
            name = Path(source.removeprefix("# Source: ")).name
            found[name] = "---\n".join(filter(None, (found.get(name), text.strip("\n") + "\n")))
    return found


def objects(texts: dict[str, str]) -> dict[Key, Object]:
    """The objects by kind, namespace and name."""
    read = (item for text in texts.values() for item in yaml.load_all(text, yaml.CSafeLoader))
    return {(item["kind"], item["metadata"].get("namespace", ""), item["metadata"]["name"]): item for item in read}


def patches(before: Any, after: Any, path: str = "") -> Iterator[Object]:
    """What makes one object of another, as operations of JSON patch; a list that only grew is added to."""
    if isinstance(before, list) and isinstance(after, list) and len(before) < len(after) and _begins(after, before):
        yield from ({"op": "add", "path": f"{path}/-", "value": item} for item in after[len(before) :])
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from patches(old, new, f"{path}/{number}")
    elif isinstance(before, dict) and isinstance(after, dict):
        for name in sorted({*before, *after}):
            place = f"{path}/{name.replace('~', '~0').replace('/', '~1')}"
            if name not in after:
                yield {"op": "remove", "path": place}
            elif name not in before:
                yield {"op": "add", "path": place, "value": after[name]}
            else:
                yield from patches(before[name], after[name], place)
    elif before != after:
        yield {"op": "replace", "path": path, "value": after}


def _begins(whole: list[Any], first: list[Any]) -> bool:
    return whole[: len(first)] == first


def overlay(base: dict[str, str], texts: dict[str, str], *, component: bool) -> dict[str, str]:
    """The files of an overlay by name."""
    plain, wanted = objects(base), objects(texts)
    files: dict[str, str] = {}
    for name, text in texts.items():
        added = [part for part in text.split("---\n") if next(iter(objects({name: part}))) not in plain]
        if added:
            files[name] = MARK + "---\n".join(added)
    kind, version = ("Component", "v1alpha1") if component else ("Kustomization", "v1beta1")
    made: Object = {"apiVersion": f"kustomize.config.k8s.io/{version}", "kind": kind}
    made["resources"] = [*([] if component else ["../../base"]), *sorted(files)]
    if differences := list(_differences(plain, wanted)):
        made["patches"] = differences
    if component and (taken := list(_taken(plain, wanted))):
        made["replacements"] = taken
    files["kustomization.yaml"] = MARK + yaml.dump(made, Dumper=_Dumper, sort_keys=False)
    return files


def _differences(plain: dict[Key, Object], wanted: dict[Key, Object]) -> Iterator[Object]:
    for (kind, namespace, name), item in plain.items():
        target = {"kind": kind, "name": name, **({"namespace": namespace} if namespace else {})}
        other = wanted.get((kind, namespace, name))
        if other is None:
            gone = {"apiVersion": item["apiVersion"], "kind": kind, "$patch": "delete", "metadata": {"name": name}}
            yield {"target": target, "patch": _Block(yaml.safe_dump(gone, sort_keys=False))}
        elif operations := list(patches(item, other)):
            yield {"target": target, "patch": _Block(yaml.safe_dump(operations, sort_keys=False))}


def _taken(plain: dict[Key, Object], wanted: dict[Key, Object]) -> Iterator[Object]:
    """Redis' variables of each container that a component adds, taken from the operator it is put beside."""
    variable = "spec.template.spec.containers.[name={}].env.[name={}]"
    for key in sorted(wanted.keys() - plain.keys()):
        for container in wanted[key]["spec"]["template"]["spec"]["containers"] if key[0] == "Deployment" else ():
            for name in (one["name"] for one in container["env"] if one["name"].startswith("KRONSTREAM_REDIS_")):
                source = {"kind": "Deployment", "name": OPERATOR, "fieldPath": variable.format("operator", name)}
                target: Object = {"select": {"kind": key[0], "name": key[2]}}
                yield {
                    "source": source,
                    "targets": [{**target, "fieldPaths": [variable.format(container["name"], name)]}],
                }


def generated() -> dict[Path, str]:
    """Every generated file and what it must hold."""
    base = rendered(VALUES / "base.yaml")
    files = {DEPLOY / "base" / name: MARK + text for name, text in base.items()}
    for name, folder in OVERLAYS.items():
        values = [VALUES / "base.yaml", VALUES / f"{name}.yaml"]
        texts = rendered(*values)
        if POLICIES in texts:
            # a policy that selects no Pod does nothing, and a component need not know where it is put
            full = rendered(*values, *(VALUES / f"{component}.yaml" for component in sorted(COMPONENTS)))
            texts[POLICIES] = full[POLICIES]
        made = overlay(base, texts, component=name in COMPONENTS)
        files |= {folder / file: text for file, text in made.items()}
    return files


def main() -> int:
    """Writes, or with `--check` compares; 1 where something differed."""
    check = "--check" in sys.argv[1:]
    wanted = generated()
    there = {file for folder in (DEPLOY / "base", *OVERLAYS.values()) for file in folder.glob("*.yaml")}
    stale = {file for file in there - wanted.keys() if MARK in file.read_text("utf-8")}
    differing = {file for file, text in wanted.items() if not file.exists() or file.read_text("utf-8") != text}
    for file in sorted(stale | differing):
        if check:
            print(f"{file.relative_to(ROOT)} is not as generated: run `make chart`", file=sys.stderr)
        elif file in stale:
            file.unlink()
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(wanted[file], encoding="utf-8")
    return 1 if check and stale | differing else 0


if __name__ == "__main__":
    raise SystemExit(main())
