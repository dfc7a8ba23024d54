"""The document as a page for people: plain HTML, no script, nothing from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import Any

POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "h2{margin-top:2.5rem}summary{cursor:pointer;font-family:monospace}pre{background:#f4f4f4;padding:.7rem;"
    "overflow:auto;font-size:13px}code{font-size:14px}b{display:inline-block;min-width:4.5rem}"
    "details{border-bottom:1px solid #ddd;padding:.4rem 0}td{padding:.1rem .8rem .1rem 0;vertical-align:top}"
)


def docs_page(document: dict[str, Any]) -> str:
    """The whole page."""
    info = document["info"]
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(info['title'])}</title>",
        f"<style>{STYLE}</style><h1>{escape(info['title'])} {escape(info['version'])}</h1>",
        f"<p>{escape(info['description'])}</p><p><a href=openapi.json>openapi.json</a></p>",
    ]
    tag = ""
    for path, calls in document["paths"].items():
        for method, call in calls.items():
            (found, *_) = call.get("tags") or ("Other",)
            if found != tag:
                tag = found
                parts.append(f"<h2>{escape(tag)}</h2>")
            parts += _call(document, path, method, call)
    return "\n".join(parts)


def _call(document: dict[str, Any], path: str, method: str, call: dict[str, Any]) -> Iterator[str]:
    yield f"<details><summary><b>{method.upper()}</b> {escape(path)} — {escape(call.get('summary', ''))}</summary>"
    yield f"<p>{escape(call.get('description', ''))}</p>"
    if call.get("parameters"):
        rows = (
            f"<tr><td><code>{escape(one['name'])}</code><td>{escape(one['in'])}<td>{escape(one.get('description', ''))}"
            for one in call["parameters"]
        )
        yield f"<table>{''.join(rows)}</table>"
    for content in (call.get("requestBody") or {}).get("content", {}).values():
        yield from _example(document, "Body", content.get("schema", {}))
    for status, answer in call["responses"].items():
        yield f"<p><code>{status}</code> {escape(answer.get('description', ''))}</p>"
        if status.startswith("2"):
            for content in answer.get("content", {}).values():
                yield from _example(document, "Answer", content.get("schema", {}))
    yield "</details>"


def _example(document: dict[str, Any], title: str, schema: dict[str, Any]) -> Iterator[str]:
    options = schema.get("anyOf", [schema])
    name = next((one["$ref"].rpartition("/")[2] for one in options if "$ref" in one), "")
    examples = document["components"]["schemas"].get(name, {}).get("examples")
    if examples:
        text = json.dumps(examples[0], indent=2, ensure_ascii=False)
        yield f"<p>{title}</p><pre>{escape(text)}</pre>"
