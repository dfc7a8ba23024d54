"""The OpenAPI document of the kind: what `kubectl explain` prints."""

import hashlib
import json
from typing import Any

from kronstream import __version__
from kronstream.runsapi.names import GROUP, KIND, PLURAL, ROOT, VERSION

Schema = dict[str, Any]

GVK = {"group": GROUP, "version": VERSION, "kind": KIND}
NAME = f"dev.kronstream.runs.{VERSION}.{KIND}"
META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"


def _text(description: str, form: str = "") -> Schema:
    return {"type": "string", "description": description, **({"format": form} if form else {})}


def _number(description: str) -> Schema:
    return {"type": "integer", "format": "int64", "description": description}


def _flag(description: str) -> Schema:
    return {"type": "boolean", "description": description}


def _any(description: str) -> Schema:
    return {"x-kubernetes-preserve-unknown-fields": True, "description": description}


def _object(description: str, **properties: Schema) -> Schema:
    return {"type": "object", "description": description, "properties": properties}


def _list(description: str, item: Schema) -> Schema:
    return {"type": "array", "description": description, "items": item}


SPEC = _object(
    "What is run. Of what is listed here, job, payload, mergePayload, retryOf and traceId may be given to create.",
    job=_text("The ScheduledJob of this namespace. Creating an execution with it runs the job now."),
    payload=_any("The run's own payload, any JSON of at most 64 KiB and 32 levels; without it the run has the job's."),
    mergePayload=_flag("Whether payload is merged into the job's (RFC 7396) instead of replacing it. Only to create."),
    retryOf=_text("The execution that this one does again, with its payload and its scheduledAt. It must be over."),
    trigger=_text("Why there is this run: schedule, manual, event, retry or backfill."),
    scheduledAt=_text("When it was due.", "date-time"),
    generation=_number("The generation of the job by which it runs."),
    requestedBy=_text("Who asked for it, as the API server knows them."),
    traceId=_text("The trace that it belongs to."),
)

STATUS = _object(
    "How it goes.",
    state=_text("queued, running or retrying; in the end success, failed, cancelled, skipped or dead."),
    reason=_text("Why it ended as it did, or why the last attempt did: error, timeout, worker_lost, requested, …"),
    message=_text("What went wrong, in a line."),
    attempt=_number("How many attempts there were so far."),
    dispatchedAt=_text("When it was put into its queue.", "date-time"),
    startedAt=_text("When the last attempt began.", "date-time"),
    completedAt=_text("When it was over.", "date-time"),
    durationMs=_number("How long the last attempt took, in milliseconds."),
    worker=_text("Who executes it, or executed it last."),
    slow=_flag("Whether it took longer than the job's expectedWithin."),
    progress=_any("What its handler last said of its progress."),
    result=_any("What its handler returned: any JSON."),
    error=_object(
        "How the last attempt failed.",
        type=_text("The kind of error."),
        message=_text("Its text."),
        traceback=_text("Where it happened."),
    ),
    output=_text("The end of what the handler printed."),
    attempts=_list(
        "The last 20 attempts.",
        _object(
            "An attempt.",
            number=_number("Which one it is, from 1."),
            worker=_text("Who executed it."),
            startedAt=_text("When it began.", "date-time"),
            completedAt=_text("When it was over.", "date-time"),
            reason=_text("Why it failed."),
            error=_text("How it failed, in a line."),
        ),
    ),
    conditions=_list(
        "Finished (it is over) and Succeeded, for kubectl wait.",
        _object(
            "A condition.",
            type=_text("Finished or Succeeded."),
            status=_text("True, False or Unknown."),
            reason=_text("The state."),
            lastTransitionTime=_text("Since when.", "date-time"),
        ),
    ),
)

_EXECUTION = {
    **_object(
        "A run of a ScheduledJob: its record, which lives in Redis as long as the job's spec.history says. Create one "
        "with spec.job to run a job now, or with spec.retryOf to do a run again; delete one to cancel it.",
        apiVersion=_text("runs.kronstream.dev/v1"),
        kind=_text("Execution"),
        metadata={
            "description": "Standard metadata. The name is the run's identity, made by the server: one given to "
            "create is the key under which the run is started once.",
            "allOf": [{"$ref": f"#/components/schemas/{META}"}],
        },
        spec=SPEC,
        status=STATUS,
    ),
    "x-kubernetes-group-version-kind": [GVK],
}

_META = _object(
    "Standard object metadata.",
    name=_text("The name, unique in its namespace."),
    namespace=_text("The namespace."),
    uid=_text("Unlike that of any other object."),
    resourceVersion=_text("Changes with the object's state."),
    creationTimestamp=_text("When it was made.", "date-time"),
    labels={"type": "object", "additionalProperties": {"type": "string"}, "description": "For selectors."},
)


def _operation(action: str, method: str, *parameters: str) -> Schema:
    return {
        "tags": ["runs_v1"],
        "operationId": f"{method}Runs{VERSION}{KIND}",
        "parameters": [{"name": name, "in": "query", "schema": {"type": "string"}} for name in parameters],
        "responses": {"200": {"description": "OK"}},
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": GVK,
    }


_ALL = f"{ROOT}/{PLURAL}"
_INSIDE = f"{ROOT}/namespaces/{{namespace}}/{PLURAL}"
_LISTED = ("labelSelector", "fieldSelector", "limit", "continue", "watch", "timeoutSeconds")

DOCUMENT: Schema = {
    "openapi": "3.0.0",
    "info": {"title": "kronstream executions", "version": f"v{__version__}"},
    "paths": {
        _ALL: {"get": _operation("list", "listAll", *_LISTED)},
        _INSIDE: {
            "get": _operation("list", "list", *_LISTED),
            "post": _operation("post", "create", "dryRun", "fieldValidation"),
        },
        f"{_INSIDE}/{{name}}": {
            "get": _operation("get", "read"),
            "delete": _operation("delete", "delete", "dryRun"),
            # refused, but where kubectl looks whether create takes these; else it wants to list the cluster's CRDs
            "patch": _operation("patch", "patch", "dryRun", "fieldValidation"),
        },
    },
    "components": {"schemas": {NAME: _EXECUTION, META: _META}},
}
DOCUMENT_HASH = hashlib.sha256(json.dumps(DOCUMENT, sort_keys=True).encode()).hexdigest()
