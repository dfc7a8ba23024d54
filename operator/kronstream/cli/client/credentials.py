"""Whose token is sent: the kubeconfig user's own, or that of a service account."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kronstream.cli.client.exits import Exit, Failure
from kronstream.cli.client.kubectl import Kubectl

LONGEST = 65_536
TOKENLESS = (
    "the kubeconfig's user has a client certificate and no token, and the API asks for one; write --as-account "
    "NAMESPACE/NAME, a service account for which this user may create a token (create serviceaccounts/token)"
)


def user_token(view: Mapping[str, Any]) -> str:
    """The bearer token of the user of a kubeconfig of one context; '' for a user without any credentials."""
    user = next((one.get("user") or {} for one in view.get("users") or ()), {})
    # in the order in which kubectl prefers them
    if user.get("tokenFile"):
        return token_of(user["tokenFile"], "the kubeconfig's tokenFile")
    if user.get("token"):
        return str(user["token"])
    if user.get("exec"):
        return _plugin_token(user["exec"], view)
    if user.get("client-certificate") or user.get("client-certificate-data"):
        raise Failure(Exit.DENIED, TOKENLESS)
    return ""


def account_token(kubectl: Kubectl, account: str, namespace: str) -> str:
    """A token of a service account, NAMESPACE/NAME or NAME in a namespace."""
    space, slash, name = account.rpartition("/")
    return kubectl.create_token(space if slash else namespace, name)


def token_of(file: str, what: str) -> str:
    """The token that a file holds."""
    try:
        text = Path(file).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(Exit.USAGE, f"{what} {file}: {getattr(error, 'strerror', None) or 'is no token'}") from None
    return usable(text, f"{what} {file}")


def usable(token: str, what: str) -> str:
    """The token. Raises Failure for what could not stand in a header; the text itself is never told."""
    if not token or len(token) > LONGEST or not token.isascii() or not token.isprintable() or " " in token:
        raise Failure(Exit.USAGE, f"{what} holds no token; write one line, as `kubectl create token` prints it")
    return token


def _plugin_token(plugin: Mapping[str, Any], view: Mapping[str, Any]) -> str:
    """What a credential plugin answers (client.authentication.k8s.io)."""
    import subprocess

    command = [str(plugin.get("command") or ""), *(str(one) for one in plugin.get("args") or ())]
    talks = sys.stdin.isatty() and plugin.get("interactiveMode") != "Never"
    spec: dict[str, Any] = {"interactive": talks}
    if plugin.get("provideClusterInfo"):
        spec["cluster"] = next((one.get("cluster") for one in view.get("clusters") or ()), None)
    info = {"apiVersion": plugin.get("apiVersion"), "kind": "ExecCredential", "spec": spec}
    environ = os.environ | {str(one["name"]): str(one["value"]) for one in plugin.get("env") or ()}
    name = f"the kubeconfig's credential plugin {command[0]}"
    try:
        done = subprocess.run(  # noqa: S603 - what the user's kubeconfig names, no shell
            command, env={**environ, "KUBERNETES_EXEC_INFO": json.dumps(info)}, stdout=subprocess.PIPE,
            stdin=None if talks else subprocess.DEVNULL, check=False,
        )  # fmt: skip
    except OSError as error:
        hint = str(plugin.get("installHint") or "").strip()
        raise Failure(Exit.DENIED, f"{name}: {error.strerror}{f'; {hint}' if hint else ''}") from None
    if done.returncode:
        raise Failure(Exit.DENIED, f"{name} ended with exit code {done.returncode}")
    try:
        status = json.loads(done.stdout).get("status") or {}
        token = status.get("token")
    except (ValueError, AttributeError):
        raise Failure(Exit.DENIED, f"{name} did not answer with an ExecCredential") from None
    if not token:
        raise Failure(Exit.DENIED, TOKENLESS)
    return usable(str(token), name)
