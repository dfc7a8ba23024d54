"""Stand-ins for the CRDs of others that the chart makes resources of. Each has the fields that the chart could want of
that API, with their types and patterns: the API server refuses what is not among them.
"""

from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
YES: Schema = {"type": "boolean"}
NUMBER: Schema = {"type": "integer", "format": "int32"}
LABELS: Schema = {"type": "object", "additionalProperties": TEXT}
PORT: Schema = {"x-kubernetes-int-or-string": True}
# Prometheus' and Go's way to write a duration
SPAN: Schema = {
    "type": "string",
    "pattern": r"^(0|(([0-9]+)y)?(([0-9]+)w)?(([0-9]+)d)?(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?(([0-9]+)ms)?)$",
}
GO_SPAN: Schema = {"type": "string", "pattern": r"^([0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h))+$"}


def table(required: str = "", /, **fields: Schema) -> Schema:
    """An object with these fields; a trailing underscore keeps Python's words apart."""
    made: Schema = {"type": "object", "properties": {name.rstrip("_"): field for name, field in fields.items()}}
    return {**made, "required": required.split()} if required else made


def several(items: Schema, **more: Any) -> Schema:
    """A list."""
    return {"type": "array", "items": items, **more}


def one_of(*words: str) -> Schema:
    """A word of these."""
    return {"type": "string", "enum": list(words)}


SELECTOR = table(
    matchLabels=LABELS, matchExpressions=several(table("key operator", key=TEXT, operator=TEXT, values=several(TEXT)))
)
SECRET_KEY = table("key", name=TEXT, key=TEXT, optional=YES)
RELABELING = several(
    table(
        sourceLabels=several(TEXT), separator=TEXT, targetLabel=TEXT, regex=TEXT, replacement=TEXT,
        action=one_of("replace", "Replace", "keep", "Keep", "drop", "Drop", "labelmap", "labeldrop", "labelkeep"),
    )
)  # fmt: skip
ENDPOINT: Schema = {
    "port": TEXT,
    "targetPort": PORT,
    "path": TEXT,
    "scheme": one_of("http", "https", "HTTP", "HTTPS"),
    "interval": SPAN,
    "scrapeTimeout": SPAN,
    "honorLabels": YES,
    "honorTimestamps": YES,
    "followRedirects": YES,
    "relabelings": RELABELING,
    "metricRelabelings": RELABELING,
    "enableHttp2": YES,
    "params": {"type": "object", "additionalProperties": several(TEXT)},
    "authorization": table(type=TEXT, credentials=SECRET_KEY),
    "tlsConfig": table(
        insecureSkipVerify=YES, serverName=TEXT, ca=table(secret=SECRET_KEY, configMap=SECRET_KEY), keySecret=SECRET_KEY
    ),
}
SCRAPING: Schema = {
    "selector": SELECTOR,
    "namespaceSelector": table(any=YES, matchNames=several(TEXT)),
    "jobLabel": TEXT,
    "podTargetLabels": several(TEXT),
    "sampleLimit": NUMBER,
    "labelLimit": NUMBER,
    "scrapeClass": TEXT,
}
POD_MONITOR = table("selector", podMetricsEndpoints=several(table(**ENDPOINT, portNumber=NUMBER)), **SCRAPING)
SERVICE_MONITOR = table(
    "selector endpoints", endpoints=several(table(**ENDPOINT)), targetLabels=several(TEXT), **SCRAPING
)
RULE = table(
    "expr", alert=TEXT, record=TEXT, expr=PORT, for_=SPAN, keep_firing_for=SPAN, labels=LABELS, annotations=LABELS
)
GROUP = table(
    "name", name={**TEXT, "minLength": 1}, interval=SPAN, query_offset=SPAN, limit=NUMBER, labels=LABELS,
    rules=several(RULE),
)  # fmt: skip
RULES = table(groups=several(GROUP, **{"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}))

PACE = table(
    stabilizationWindowSeconds=NUMBER, selectPolicy=TEXT, tolerance=PORT,
    policies=several(table("type value periodSeconds", type=TEXT, value=NUMBER, periodSeconds=NUMBER)),
)  # fmt: skip
# what the scalers of streams read, by the type of the trigger
STREAM = {
    *("stream", "streamLength", "consumerGroup", "pendingEntriesCount", "lagCount", "activationLagCount"),
    *("databaseIndex", "enableTLS", "unsafeSsl", "username", "usernameFromEnv", "passwordFromEnv"),
}
SENTINEL = {
    *("addresses", "hosts", "ports", "addressesFromEnv", "sentinelMaster", "sentinelMasterFromEnv"),
    *("sentinelUsername", "sentinelUsernameFromEnv", "sentinelPasswordFromEnv"),
}
READ = {
    "redis-streams": STREAM | {"address", "host", "port", "addressFromEnv"},
    "redis-sentinel-streams": STREAM | SENTINEL,
}
TRIGGER = table(
    "type metadata", type=one_of(*READ), name=TEXT, metricType=TEXT, useCachedMetrics=YES,
    metadata={"type": "object", "additionalProperties": {**TEXT, "maxLength": 4096}, "maxProperties": 20},
    authenticationRef=table("name", name=TEXT, kind=TEXT),
)  # fmt: skip
TRIGGER["x-kubernetes-validations"] = [
    {"rule": f"self.type != '{kind}' || self.metadata.all(key, key in {sorted(keys)})", "message": f"read by no {kind}"}
    for kind, keys in READ.items()
]
PARAMETER = one_of("username", "password", "sentinelUsername", "sentinelPassword", "tls", "ca", "cert", "key")
SCALED = table(
    "scaleTargetRef triggers",
    scaleTargetRef=table("name", apiVersion=TEXT, kind=TEXT, name=TEXT, envSourceContainerName=TEXT),
    pollingInterval=NUMBER,
    cooldownPeriod=NUMBER,
    initialCooldownPeriod=NUMBER,
    idleReplicaCount=NUMBER,
    minReplicaCount=NUMBER,
    maxReplicaCount=NUMBER,
    fallback=table("failureThreshold replicas", failureThreshold=NUMBER, replicas=NUMBER, behavior=TEXT),
    advanced=table(
        restoreToOriginalReplicaCount=YES,
        scalingModifiers=table(formula=TEXT, target=TEXT, activationTarget=TEXT, metricType=TEXT),
        horizontalPodAutoscalerConfig=table(name=TEXT, behavior=table(scaleUp=PACE, scaleDown=PACE)),
    ),
    triggers=several(TRIGGER, maxItems=200),
)  # fmt: skip
AUTHENTICATION = table(
    secretTargetRef=several(table("parameter name key", parameter=PARAMETER, name=TEXT, key=TEXT)),
    configMapTargetRef=several(table("parameter name key", parameter=PARAMETER, name=TEXT, key=TEXT)),
    env=several(table("parameter name", parameter=PARAMETER, name=TEXT, containerName=TEXT)),
    podIdentity=table("provider", provider=TEXT),
)

ISSUER_REF = table("name", name=TEXT, kind=TEXT, group=TEXT)
CERTIFICATE = table(
    "issuerRef secretName",
    secretName=TEXT, issuerRef=ISSUER_REF, commonName=TEXT, dnsNames=several(TEXT), isCA=YES,
    ipAddresses=several(TEXT), uris=several(TEXT), duration=GO_SPAN, renewBefore=GO_SPAN,
    usages=several(one_of("digital signature", "key encipherment", "server auth", "client auth", "cert sign")),
    revisionHistoryLimit={**NUMBER, "minimum": 1},
    secretTemplate=table(labels=LABELS, annotations=LABELS),
    privateKey=table(
        algorithm=one_of("RSA", "ECDSA", "Ed25519"), encoding=one_of("PKCS1", "PKCS8"), size=NUMBER,
        rotationPolicy=one_of("Never", "Always"),
    ),
)  # fmt: skip
ISSUER = table(selfSigned=table(crlDistributionPoints=several(TEXT)), ca=table("secretName", secretName=TEXT))

KINDS: tuple[tuple[str, str, str, str, Schema], ...] = (
    ("monitoring.coreos.com", "v1", "PodMonitor", "podmonitors", POD_MONITOR),
    ("monitoring.coreos.com", "v1", "ServiceMonitor", "servicemonitors", SERVICE_MONITOR),
    ("monitoring.coreos.com", "v1", "PrometheusRule", "prometheusrules", RULES),
    ("keda.sh", "v1alpha1", "ScaledObject", "scaledobjects", SCALED),
    ("keda.sh", "v1alpha1", "TriggerAuthentication", "triggerauthentications", AUTHENTICATION),
    ("cert-manager.io", "v1", "Certificate", "certificates", CERTIFICATE),
    ("cert-manager.io", "v1", "Issuer", "issuers", ISSUER),
)


def definition(group: str, version: str, kind: str, plural: str, spec: Schema) -> dict[str, Any]:
    """A CRD whose spec has this schema."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"},
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": True,
                    "schema": {
                        "openAPIV3Schema": {"type": "object", "properties": {"spec": spec}, "required": ["spec"]}
                    },
                }
            ],
        },
    }


def definitions() -> list[dict[str, Any]]:
    """All of them."""
    return [definition(*kind) for kind in KINDS]
