"""Whom kube-apiserver passes requests on for, and how it is known that it is kube-apiserver.

It shows a client certificate signed by an authority that this cluster keeps for nothing else, and tells the caller in
headers. Authority, certificate names and header names are in ConfigMap kube-system/extension-apiserver-authentication.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography import x509

from kronstream.runsapi.refusal import Refusal

NAMESPACE, NAME = "kube-system", "extension-apiserver-authentication"
MOST_NAME = 255


class Untold(Exception):  # noqa: N818 - a verdict on the ConfigMap
    """The ConfigMap does not tell whom to trust; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as kube-apiserver tells it."""

    user: str
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trust:
    """The authority (PEM), the names that its certificates may have (none: any), and the headers
    that tell the caller."""

    authority: str
    names: frozenset[str]
    user_headers: tuple[str, ...]
    group_headers: tuple[str, ...]

    @classmethod
    def read(cls, config: Mapping[str, Any] | None) -> "Trust":
        """From the ConfigMap. Raises Untold."""
        data = (config or {}).get("data") or {}
        authority = data.get("requestheader-client-ca-file", "")
        try:
            if not x509.load_pem_x509_certificates(authority.encode()):
                raise Untold("it has no certificate")
        except ValueError:
            raise Untold(
                "requestheader-client-ca-file holds no certificate: kube-apiserver was started without "
                "--requestheader-client-ca-file"
            ) from None
        return cls(
            authority,
            frozenset(_listed(data, "requestheader-allowed-names")),
            _listed(data, "requestheader-username-headers") or ("X-Remote-User",),
            _listed(data, "requestheader-group-headers") or ("X-Remote-Group",),
        )

    def caller(self, certificate: Mapping[str, Any] | None, headers: Any) -> Caller:
        """The caller of a request with this verified client certificate. Raises Refusal 401."""
        name = common_name(certificate)
        if name is None or (self.names and name not in self.names):
            raise Refusal("Unauthorized", "only kube-apiserver's requests are answered; ask it instead")
        users = [user for header in self.user_headers for user in headers.getall(header, ())]
        if not users or not users[0]:
            raise Refusal("Unauthorized", "kube-apiserver did not tell who asks")
        groups = tuple(group for header in self.group_headers for group in headers.getall(header, ()))
        return Caller(users[0].encode("utf-8", "replace").decode("utf-8", "replace")[:MOST_NAME], groups)


def common_name(certificate: Mapping[str, Any] | None) -> str | None:
    """The subject's common name of a certificate as `ssl` tells it; None without one."""
    if not certificate:
        return None
    parts = [pair for part in certificate.get("subject", ()) for pair in part]
    return next((str(value) for kind, value in parts if kind == "commonName"), "")


def _listed(data: Mapping[str, str], name: str) -> tuple[str, ...]:
    try:
        found = json.loads(data.get(name) or "[]")
    except ValueError:
        raise Untold(f"{name} is not JSON") from None
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise Untold(f"{name} is not a list of texts")
    return tuple(found)
