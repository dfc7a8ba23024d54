"""CustomResourceDefinitions from the pydantic models.

The models' JSON schema becomes a structural schema: references are put in place, optional is left out instead of null,
titles go, and every keyword that the API server would refuse or that nobody has thought of is an error.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import yaml

from kronstream.domain import duration
from kronstream.resources import GROUP, KINDS, VERSION, Kind
from kronstream.resources.base import Part
from kronstream.resources.kind import CATEGORY
from kronstream.resources.scalars import IN_MS

Schema = dict[str, Any]

HEADER = "# Generated from operator/kronstream/resources by `make manifests`. Do not edit.\n"
KUSTOMIZATION = "Kustomization"  # without a suffix, so that `kubectl apply -f crds` works as well as `-k`
SHOW_DEFAULT = "x-kronstream-default"

# in the order in which they are written
_KEPT = (
    *("description", "type", "format", "enum", "minimum", "maximum", "minLength", "maxLength", "pattern", "minItems"),
    *("maxItems", "minProperties", "maxProperties", "nullable", "x-kubernetes-preserve-unknown-fields"),
    "x-kubernetes-int-or-string",
    *("x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-validations", "required"),
)
_READ = frozenset(
    {"title", "default", "properties", "items", "additionalProperties", "propertyNames", SHOW_DEFAULT, IN_MS}
)
_INT32_MAX = 2**31 - 1


class NotStructural(TypeError):  # noqa: N818 - says what the schema is
    """A model says something that has no place in a structural schema."""


def files() -> dict[str, str]:
    """The text of every generated file by its name."""
    crds = {f"{GROUP}_{kind.plural}.yaml": HEADER + _yaml(manifest(kind)) for kind in KINDS}
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": sorted(crds),
    }
    return {**crds, KUSTOMIZATION: HEADER + _yaml(kustomization)}


def manifest(kind: Kind) -> Schema:
    """The CustomResourceDefinition of a kind."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": kind.crd_name},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind.name,
                "listKind": f"{kind.name}List",
                "plural": kind.plural,
                "singular": kind.singular,
                "shortNames": list(kind.short_names),
                "categories": [CATEGORY],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": _columns(kind),
                    "schema": {"openAPIV3Schema": _root(kind)},
                }
            ],
        },
    }


def structural(model: type[Part]) -> Schema:
    """The structural schema of a model. Raises NotStructural for what it cannot say."""
    schema = model.model_json_schema(by_alias=True, mode="validation")
    return _node(schema, schema.get("$defs", {}), model.__name__)


def _columns(kind: Kind) -> list[Schema]:
    columns = []
    for column in kind.columns:
        wide = {"priority": 1} if column.wide else {}
        columns.append(
            {
                "name": column.name,
                "type": column.type,
                "jsonPath": column.path,
                "description": column.description,
                **wide,
            }
        )
    return columns


def _root(kind: Kind) -> Schema:
    status = structural(kind.status)
    # kstatus takes an object for current that has no observedGeneration: it is in progress until an operator saw it
    status["default"] = {"observedGeneration": -1}
    return {
        "type": "object",
        "description": kind.description,
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": "The group and version of this kind."},
            "kind": {"type": "string", "description": "The kind of this object."},
            "metadata": {"type": "object"},
            "spec": structural(kind.spec),
            "status": status,
        },
    }


def _node(schema: Mapping[str, Any], defs: Mapping[str, Any], path: str) -> Schema:
    schema = _resolved(schema, defs, path)
    strange = schema.keys() - _READ - set(_KEPT)
    if strange:
        raise NotStructural(f"{path}: no place for {', '.join(sorted(strange))} in a structural schema")
    if schema.get("type") == "integer":
        schema["format"] = "int32" if schema.get("maximum", _INT32_MAX + 1) <= _INT32_MAX else "int64"
    if "description" in schema:
        schema["description"] = _paragraphs(schema["description"]) + _default(schema)
    kept: Schema = {key: schema[key] for key in _KEPT if key in schema}
    if SHOW_DEFAULT in schema:
        kept["default"] = schema["default"]
    for key in ("items", "additionalProperties"):
        if key in schema:
            kept[key] = _node(schema[key], defs, f"{path}.{key}")
    if "properties" in schema:
        kept["properties"] = {
            name: _node(child, defs, f"{path}.{name}") for name, child in schema["properties"].items()
        }
    return kept


def _default(schema: Mapping[str, Any]) -> str:
    """The sentence that tells a default; an object's is told by its fields, and nothing, none and zero go unsaid."""
    value = schema.get("default")
    if not value or schema["type"] == "object":
        return ""
    if value is True:
        return " Default: true."
    text = duration.render(value) if IN_MS in schema else f"{value:g}" if isinstance(value, float) else str(value)
    return f" Default: {text}."


def _resolved(schema: Mapping[str, Any], defs: Mapping[str, Any], path: str) -> dict[str, Any]:
    """The schema with its reference put in place and without the null that makes it optional."""
    schema = {key: value for key, value in schema.items() if key != "$defs"}
    while "$ref" in schema or "anyOf" in schema:
        if "$ref" in schema:
            name = schema.pop("$ref").removeprefix("#/$defs/")
            schema = {**defs[name], **schema}
            continue
        choices = [choice for choice in schema.pop("anyOf") if choice != {"type": "null"}]
        if len(choices) != 1:
            raise NotStructural(f"{path}: a choice of {len(choices)} types; write optional siblings and a CEL rule")
        schema = {**choices[0], **schema}
    if "const" in schema:
        schema["enum"] = [schema.pop("const")]
    return schema


def _paragraphs(text: str) -> str:
    """A docstring with every paragraph on one line."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in inspect.cleandoc(text).split("\n\n"))


class _Dumper(yaml.SafeDumper):
    """Writes no aliases: people read these files."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _yaml(document: Schema) -> str:
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)
