"""What `doctor` asks the HTTP API, where its address is told: whether it is ready."""

from __future__ import annotations

from kronstream.cli.diagnosis import Finding

PATIENCE = 5.0


def examined(server: str, ca_file: str | None = None) -> Finding:
    """The readiness of the API at a URL, in its own words."""
    from http.client import HTTPConnection, HTTPException

    from kronstream.cli.client.door import target_of
    from kronstream.cli.client.exits import Failure
    from kronstream.cli.client.secure import secured

    try:
        target = target_of(server, ca_file)
        plain = target.scheme == "http"
        connection = (
            HTTPConnection(target.address, target.port, timeout=PATIENCE) if plain else secured(target, PATIENCE)
        )
    except Failure as failure:
        return Finding("API", "wrong", failure.message, "write one like http://127.0.0.1:3051")
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        said = answer.read(400).decode("utf-8", "replace").strip()
    except (OSError, HTTPException) as error:
        text = f"no answer from {server} ({type(error).__name__}: {error})"
        return Finding("API", "wrong", text, "is it running, and --server (KRONSTREAM_SERVER) right?")
    finally:
        connection.close()
    if answer.status == 200:
        return Finding("API", "ok", f"{server} is ready")
    do = "look at its log; it is ready once Redis and the cluster answer it"
    return Finding("API", "wrong", f"{server} is not ready ({answer.status}): {said}", do)
