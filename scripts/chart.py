"""Writes what follows from the chart and the programs: `make chart`; `--check` only tells what is not as generated.

- `charts/kronstream/files/crds/` from `crds/`;
- the settings that `values.schema.json` lets each component have, from the settings' classes;
- `charts/kronstream/README.md` from the comments of `values.yaml`.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from kronstream.api.settings import ApiSettings
from kronstream.runsapi.settings import RunsSettings
from kronstream.settings import OperatorSettings, RouterSettings, WorkerSettings

ROOT = Path(__file__).resolve().parents[1]
CHART = ROOT / "charts" / "kronstream"

COMPONENTS = {
    "operator": OperatorSettings,
    "router": RouterSettings,
    "worker": WorkerSettings,
    "api": ApiSettings,
    "runs": RunsSettings,
}
# said by values of their own
MADE = {
    "KRONSTREAM_INSTALLATION",
    *("KRONSTREAM_REDIS_URL", "KRONSTREAM_REDIS_USERNAME", "KRONSTREAM_REDIS_PASSWORD"),
    *("KRONSTREAM_REDIS_SENTINEL_USERNAME", "KRONSTREAM_REDIS_SENTINEL_PASSWORD"),
    *("KRONSTREAM_STREAM_NAME", "KRONSTREAM_CONSUMER_GROUP", "KRONSTREAM_CONSUMER_NAME"),
    *("KRONSTREAM_LOG_FORMAT", "KRONSTREAM_LOG_LEVEL", "KRONSTREAM_NAMESPACES", "KRONSTREAM_METRICS_PORT"),
    *("KRONSTREAM_METRICS_HOST", "KRONSTREAM_OPERATOR_NAMESPACE", "KRONSTREAM_PAUSES", "KRONSTREAM_REPLICA"),
    *("KRONSTREAM_RUNS_SERVICE", "KRONSTREAM_RUNS_ADDRESS", "KRONSTREAM_RUNS_CA", "KRONSTREAM_RUNS_HOST"),
    *("KRONSTREAM_RUNS_PORT", "KRONSTREAM_RUNS_CERT", "KRONSTREAM_RUNS_KEY"),
    *("KRONSTREAM_EVENT_STREAMS", "KRONSTREAM_CLOSED_STREAMS"),
    *("KRONSTREAM_SERVES", "KRONSTREAM_QUEUE", "KRONSTREAM_CONCURRENCY", "KRONSTREAM_HANDLERS", "KRONSTREAM_GRACE"),
    *("KRONSTREAM_API_HOST", "KRONSTREAM_API_PORT", "KRONSTREAM_API_TLS_CERT", "KRONSTREAM_API_TLS_KEY"),
    *("KRONSTREAM_API_AUTH", "KRONSTREAM_API_METRICS_PORT", "KRONSTREAM_API_AUDIENCES"),
}
TOP = """# kronstream

The chart of kronstream, for Helm 3.14 and newer and Helm 4. Generated from `values.yaml` by `make chart`. How to
install is in `docs/install.md`, what to choose in `docs/configure.md`. `values.schema.json` checks the values.

| value | default | what it is |
|---|---|---|
"""


def settings_of(kind: type[Any]) -> Iterator[tuple[str, str]]:
    """Each variable of a component, of the parts of its settings too, and its help."""
    for item in fields(kind):
        if "part" in item.metadata:
            yield from settings_of(item.metadata["part"])
        elif "env" in item.metadata:
            yield item.metadata["env"], item.metadata["help"]


def schema() -> str:
    """`values.schema.json` with the settings of the components in it; the rest of the file is kept."""
    file = CHART / "values.schema.json"
    read = json.loads(file.read_text("utf-8"))
    value = {"type": ["string", "number", "boolean"]}
    for name, kind in COMPONENTS.items():
        found = {env: {**value, "description": told} for env, told in settings_of(kind) if env not in MADE}
        properties = dict(sorted(found.items()))
        read["definitions"][f"{name}Settings"] = {
            "type": "object",
            "properties": properties,
            "additionalProperties": False,
        }
    read["definitions"]["webhookSettings"] = {
        "type": "object",
        "propertyNames": {"pattern": "^KRONSTREAM_[A-Z_]+$"},
        "additionalProperties": value,
    }
    return json.dumps(read, indent=2, ensure_ascii=False) + "\n"


def rows(text: str) -> Iterator[tuple[str, str]]:
    """Path and description of each value of `values.yaml` that is described: comments `# --` stand before it."""
    path: list[tuple[int, str]] = []
    told: list[str] = []
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("# --"):
            told = [stripped.removeprefix("# --").strip()]
        elif stripped.startswith("#"):
            told += [stripped.removeprefix("#").strip()] if told else []
        elif stripped and not stripped.startswith("-") and ":" in stripped:
            indent = len(line) - len(line.lstrip())
            path = [*((depth, key) for depth, key in path if depth < indent), (indent, stripped.split(":")[0])]
            if told:
                yield ".".join(key for _, key in path), " ".join(told)
            told = []
        else:
            told = []


def readme() -> str:
    """The chart's README."""
    text = (CHART / "values.yaml").read_text("utf-8")
    values = yaml.safe_load(text)
    lines = []
    for path, told in rows(text):
        value = values
        for key in path.split("."):
            value = value[key]
        shown = json.dumps(value, ensure_ascii=False).replace("|", "\\|")
        lines.append(f"| `{path}` | `{shown}` | {told.replace('|', chr(92) + '|')} |")
    return TOP + "\n".join(lines) + "\n"


def generated() -> dict[Path, str]:
    """Every generated file and what it must hold."""
    files = {CHART / "values.schema.json": schema(), CHART / "README.md": readme()}
    for crd in sorted((ROOT / "crds").glob("*.yaml")):
        files[CHART / "files" / "crds" / crd.name] = crd.read_text("utf-8")
    return files


def main() -> int:
    """Writes, or with `--check` compares; 1 where something differed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    differing = [file for file, text in generated().items() if not file.exists() or file.read_text("utf-8") != text]
    for file in differing:
        if check:
            print(f"{os.path.relpath(file)} is not as generated: run `make chart`", file=sys.stderr)
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(generated()[file], encoding="utf-8")
    return 1 if check and differing else 0


if __name__ == "__main__":
    raise SystemExit(main())
