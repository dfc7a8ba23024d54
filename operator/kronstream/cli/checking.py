"""What is wrong with an object of ours in a file, and in which line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from kronstream.cli.manifests import Manifest
from kronstream.domain.errors import Invalid
from kronstream.resources.inspection import inspect


@dataclass(frozen=True)
class Finding:
    """One thing to mend, or with `warning` to look at. `field` is empty where a file stops being YAML."""

    file: str
    line: int
    severity: Literal["error", "warning"]
    field: str
    message: str

    def __str__(self) -> str:
        mark = "warning: " if self.severity == "warning" else ""
        return f"{self.file}:{self.line}: {mark}{f'{self.field}: ' if self.field else ''}{self.message}"


def check(manifest: Manifest, namespace: str, now: int) -> Iterator[Finding]:
    """Everything found in one object. `namespace` is that of objects that name none; `now` in milliseconds."""
    file, document = manifest.file, manifest.document
    if manifest.fault is not None:
        yield Finding(file, manifest.fault.line, "error", "", manifest.fault.fault)
        return
    found = [
        Finding(file, line, "error", path, "is there twice; the last one would count: keep one")
        for line, path in document.doubled
    ]
    inspection = inspect(document.value, namespace, now)
    found += [_finding(manifest, said, "warning") for said in inspection.warnings]
    found += [_finding(manifest, fault, "error") for fault in inspection.faults]
    yield from sorted(found, key=lambda finding: finding.line)


def _finding(manifest: Manifest, said: Invalid, severity: Literal["error", "warning"]) -> Finding:
    message = str(said).removeprefix(f"{said.field}: ")
    return Finding(manifest.file, manifest.document.line(said.field), severity, said.field, message)
