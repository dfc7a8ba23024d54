"""What kube-apiserver and kubectl ask to learn what is served here: answered from what is written here alone.

kube-apiserver also takes the answer as the sign that this server is well, so that nothing of it may depend on Redis.
"""

from typing import Any

from kronstream import __version__
from kronstream.runsapi.names import API_VERSION, CATEGORY, GROUP, KIND, PLURAL, ROOT, SHORT, SINGULAR, VERBS, VERSION
from kronstream.runsapi.schema import DOCUMENT, DOCUMENT_HASH

_VERSION = {"groupVersion": API_VERSION, "version": VERSION}
_GROUP = {"name": GROUP, "versions": [_VERSION], "preferredVersion": _VERSION}
_RESOURCE = {
    "name": PLURAL,
    "singularName": SINGULAR,
    "namespaced": True,
    "kind": KIND,
    "verbs": list(VERBS),
    "shortNames": [SHORT],
    "categories": [CATEGORY],
}
DOCUMENT_PATH = f"/openapi/v3/apis/{GROUP}/{VERSION}"

ANSWERS: dict[str, dict[str, Any]] = {
    "/api": {"kind": "APIVersions", "versions": [], "serverAddressByClientCIDRs": []},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_GROUP]},
    f"/apis/{GROUP}": {"kind": "APIGroup", "apiVersion": "v1", **_GROUP},
    ROOT: {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": API_VERSION, "resources": [_RESOURCE]},
    "/openapi/v3": {
        "paths": {
            f"apis/{GROUP}/{VERSION}": {"serverRelativeURL": f"{DOCUMENT_PATH}?hash={DOCUMENT_HASH}"},
        }
    },
    DOCUMENT_PATH: DOCUMENT,
    "/version": {"major": "1", "minor": "0", "gitVersion": f"v{__version__}"},
}
