"""What was meant, perhaps: names like one that is not there."""

from __future__ import annotations

from collections.abc import Iterable

from kronstream.cli.client.connection import PAGE, Api
from kronstream.cli.client.exits import Exit, Failure
from kronstream.cli.client.names import job_id
from kronstream.domain.naming import some

KINDS = {
    "there is no such job": ("/jobs", "resource_name"),
    "there is no such event handler": ("/event-handlers", "name"),
}
"""What the API says → the path of the list, and the field that has the name."""
MOST = 3


def meant(api: Api, failure: Failure) -> Failure:
    """The same failure; one of a job or handler that is not there with names that are near, of the first 500."""
    known = next((found for words, found in KINDS.items() if failure.message.endswith(words)), None)
    if failure.exit_code != Exit.NOT_FOUND or known is None or not failure.about:
        return failure
    path, field = known
    try:
        namespace, colon, name = job_id(api, failure.about).partition(":")
        if not colon:  # an id is like no other
            return failure
        names = [str(row[field]) for row in api.rows(path, {"namespace": namespace}, PAGE)[0]]
        found = near(name, names) or _elsewhere(api, path, field, name)
    except (Failure, KeyError):  # who may not list, or asks something else than an API, has been told enough
        return failure
    said = f"; is {' or '.join(found)} meant?" if found else f"; namespace {namespace} has {_several(names)}"
    return Failure(Exit.NOT_FOUND, failure.message + said, failure.about)


def near(name: str, names: Iterable[str]) -> list[str]:
    """Those that are written much like a name, the nearest first."""
    from difflib import get_close_matches

    return get_close_matches(name, list(names), MOST)


def _elsewhere(api: Api, path: str, field: str, name: str) -> list[str]:
    """The same name in other namespaces, if the caller may look there."""
    try:
        rows, _ = api.rows(path, {"namespace": "*"}, PAGE)
    except Failure:
        return []
    return [f"{row['namespace']}/{name}" for row in rows if row[field] == name][:MOST]


def _several(names: list[str]) -> str:
    if not names:
        return "none"
    return some(sorted(names), MOST)
