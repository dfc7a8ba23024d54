"""What the kind is called, and the labels that its objects have."""

GROUP, VERSION = "runs.kronstream.dev", "v1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND, PLURAL, SINGULAR, SHORT = "Execution", "executions", "execution", "kex"
CATEGORY = "kronstream"
ROOT = f"/apis/{API_VERSION}"
VERBS = ("create", "get", "list", "watch")
"""Without `delete`, though it is served: the controllers that look for it would list and watch every execution."""

JOB, JOB_UID, STATUS, TRIGGER = (f"kronstream.dev/{name}" for name in ("job", "job-uid", "status", "trigger"))
