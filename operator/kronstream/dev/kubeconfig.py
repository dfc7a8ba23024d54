"""Kubeconfig files that carry everything they need inside, for the owner alone."""

import base64
from pathlib import Path
from typing import Any

import yaml

from kronstream.dev.errors import DevError
from kronstream.dev.pki import KeyPair
from kronstream.dev.privatefile import write_private

CLUSTER = "kronstream-dev"


def write_kubeconfig(file: Path, server: str, authority: Path, user: str, pair: KeyPair) -> Path:
    """Writes `file` atomically, readable by its owner only, with one cluster, one user and one context."""
    cluster = {"server": server, "certificate-authority-data": _encoded(authority)}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": CLUSTER, "cluster": cluster}],
        "users": [
            {
                "name": user,
                "user": {
                    "client-certificate-data": _encoded(pair.certificate),
                    "client-key-data": _encoded(pair.key),
                },
            }
        ],
        "contexts": [{"name": CLUSTER, "context": {"cluster": CLUSTER, "user": user, "namespace": "default"}}],
        "current-context": CLUSTER,
    }
    write_private(file, yaml.safe_dump(content, sort_keys=False).encode())
    return file


def refuse_foreign(file: Path) -> None:
    """Raises DevError when `file` is a kubeconfig that was not written here: it would be lost."""
    try:
        content: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
        clusters = [cluster["name"] for cluster in content["clusters"]]
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        clusters = []
    if clusters != [CLUSTER]:
        raise DevError(
            f"{file} exists and was not written by `kronstream dev`, so it is left alone.\n"
            "Name another file with --kubeconfig."
        )


def _encoded(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode("ascii")
