"""Objects of Kubernetes that a job brings along: what is checked here, the rest is judged by the API server."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema

from kronstream.domain.depth import too_deep
from kronstream.resources.payload import MAX_DEPTH
from kronstream.resources.scalars import invalid, quoted

MAX_BYTES = 65_536
MAX_CONTAINERS = 64
_API_VERSION = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+/v[0-9][a-z0-9]*")
_LONGEST_VERSION, _LONGEST_KIND = 253, 63
_CONTAINERS = "write at least one container with a name and an image below spec.template.spec.containers"
_OURS = "kronstream names the object by its run and attempt"


def _fits(value: object) -> dict[str, Any]:
    """The object, which is one and within the bounds."""
    if not isinstance(value, dict):
        raise invalid(f"{quoted(value)} is not an object", "write its fields, indented, below it")
    if too_deep(value):
        raise invalid(f"is nested more than {MAX_DEPTH} levels deep", "write it flatter")
    try:
        size = len(json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode())
    except (TypeError, ValueError):
        raise invalid("is not JSON", "write what JSON can say") from None
    if size > MAX_BYTES:
        raise invalid(f"has {size} bytes of JSON and {MAX_BYTES} are allowed", "keep data in a ConfigMap or a volume")
    return value


def _inside(parent: dict[str, Any], name: str, path: str) -> dict[str, Any]:
    """An object in an object; one that is left out is empty."""
    value = parent.get(name)
    if value is not None and not isinstance(value, dict):
        raise invalid(f"{quoted(value)} is not an object", "write its fields, indented, below it", at=f"{path}.{name}")
    return value or {}


def _check_metadata(template: dict[str, Any]) -> None:
    metadata = _inside(template, "metadata", "")
    for name in metadata:
        if name not in ("labels", "annotations"):
            fault = _OURS if name in ("name", "generateName") else f"{name} is not for a template"
            raise invalid(fault, "write labels and annotations only", at=f".metadata.{name}")
        for key, text in _inside(metadata, name, ".metadata").items():
            if not isinstance(text, str):
                raise invalid(f"{quoted(text)} is not a text", "put it in quotes", at=f".metadata.{name}.{key}")


class JobForm:
    """A JobTemplateSpec: labels and annotations, and the spec of a batch/v1 Job with at least one container."""

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self._read)

    def _read(self, value: object) -> dict[str, Any]:
        template = _fits(value)
        if "spec" not in template:
            raise invalid("is missing", "write the spec of a Job", at=".spec")
        for name in template:
            if name not in ("metadata", "spec"):
                raise invalid(f"{name} is not for a template", "write metadata and spec only", at=f".{name}")
        _check_metadata(template)
        path, inner = "", template
        for name in ("spec", "template", "spec"):
            inner = _inside(inner, name, path)
            path = f"{path}.{name}"
        restart = inner.get("restartPolicy", "Never")
        if restart not in ("Never", "OnFailure"):
            raise invalid(f"{quoted(restart)} is not for a Job", "write Never or OnFailure", at=f"{path}.restartPolicy")
        self._check_containers(inner.get("containers"), f"{path}.containers")
        return template

    def _check_containers(self, containers: object, path: str) -> None:
        if not isinstance(containers, list) or not containers:
            raise invalid("is missing" if containers is None else "has no container", _CONTAINERS, at=path)
        if len(containers) > MAX_CONTAINERS:
            raise invalid(f"has {len(containers)} entries", f"write at most {MAX_CONTAINERS}", at=path)
        for index, container in enumerate(containers):
            for name in ("name", "image"):
                if not isinstance(container, dict) or not isinstance(container.get(name), str) or not container[name]:
                    raise invalid(f"a container has no {name}", _CONTAINERS, at=f"{path}[{index}]")

    def __get_pydantic_json_schema__(
        self, _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        container = _object("A container.", "name", "image", name=_text("Its name."), image=_text("Its image."))
        containers = {
            "type": "array",
            "description": "At least one container, each with a name and an image.",
            "minItems": 1,
            "maxItems": MAX_CONTAINERS,
            "x-kubernetes-list-type": "atomic",
            "items": container,
        }
        restart = {
            "type": "string",
            "description": "Whether a container that fails is started again in its Pod. Never when left out.",
            "enum": ["Never", "OnFailure"],
        }
        pod = _object("The spec of the Pods.", "containers", restartPolicy=restart, containers=containers)
        kept = {
            "type": "integer",
            "description": "How many seconds the finished Job is kept, in place of deleteAfter.",
            "minimum": 0,
            "maximum": 2**31 - 1,
        }
        spec = _object(
            "The spec of the Job.",
            "template",
            ttlSecondsAfterFinished=kept,
            template=_object("The template of the Pods.", "spec", spec=pod),
        )
        return {"type": "object", "required": ["spec"], "properties": {"metadata": _METADATA, "spec": spec}}


class ResourceForm:
    """A custom resource: apiVersion, kind, labels and annotations, and whatever its kind asks for."""

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self._read)

    def _read(self, value: object) -> dict[str, Any]:
        template = _fits(value)
        for at, fault, instead in self._faults(template):
            raise invalid(fault, instead, at=at)
        _check_metadata(template)
        return template

    def _faults(self, template: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
        version, kind = template.get("apiVersion"), template.get("kind")
        if not isinstance(version, str) or len(version) > _LONGEST_VERSION or not _API_VERSION.fullmatch(version):
            fault = "is missing" if version is None else f"{quoted(version)} is not that of a custom resource"
            yield ".apiVersion", fault, "write group and version, like argoproj.io/v1alpha1; handler.job makes Jobs"
        if not isinstance(kind, str) or not 0 < len(kind) <= _LONGEST_KIND:
            yield ".kind", "is missing" if kind is None else f"{quoted(kind)} is no kind", "write it, like Workflow"
        if "status" in template:
            yield ".status", "is written by the resource's controller", "remove it"

    def __get_pydantic_json_schema__(
        self, _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return _object(
            "",
            "apiVersion",
            "kind",
            apiVersion=_text("Its group and version.", _LONGEST_VERSION),
            kind=_text("Its kind.", _LONGEST_KIND),
            metadata=_METADATA,
        )


def _object(description: str, *required: str, **properties: JsonSchemaValue) -> JsonSchemaValue:
    """An object with these fields and any others."""
    told = {"description": description} if description else {}
    free = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {**free, **told, "required": list(required), "properties": properties}


def _text(description: str, longest: int = MAX_BYTES) -> JsonSchemaValue:
    return {"type": "string", "description": description, "maxLength": longest}


def _texts(description: str) -> JsonSchemaValue:
    text = {"type": "string", "maxLength": MAX_BYTES}
    most = MAX_BYTES // 6  # `"":"",` is the shortest entry
    return {"type": "object", "description": description, "maxProperties": most, "additionalProperties": text}


_METADATA: JsonSchemaValue = {
    "type": "object",
    "description": "Labels and annotations; the name is kronstream's.",
    "properties": {"labels": _texts("Labels, kept as they are."), "annotations": _texts("Annotations, kept as well.")},
}
JobTemplate = Annotated[dict[str, Any], JobForm()]
ResourceTemplate = Annotated[dict[str, Any], ResourceForm()]
