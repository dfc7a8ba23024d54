"""Queries of requests: what is not a parameter is refused, for a mistyped one would change nothing and say nothing."""

from __future__ import annotations

from difflib import get_close_matches

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from kronstream.api.problem import invalid

_known: dict[str, tuple[str, ...]] = {}


async def judge_query(request: Request) -> None:
    """Raises Problem 400 for a parameter that the call does not have, and for one that is written twice."""
    if not request.scope["query_string"]:
        return
    given = [name for name, _ in request.query_params.multi_items()]
    known = _parameters(request.scope["route"])
    for name in given:
        if name not in known:
            raise invalid(name[:100], f"is not a parameter of this call; {_instead(name, known)}")
        if given.count(name) > 1:
            raise invalid(name, "is written twice; write it once")


def _parameters(route: APIRoute) -> tuple[str, ...]:
    found = _known.get(route.unique_id)
    if found is None:
        found = _known[route.unique_id] = tuple(_flat(route.dependant))
    return found


def _flat(dependant: Dependant) -> list[str]:
    names = [field.alias for field in dependant.query_params]
    return names + [name for other in dependant.dependencies for name in _flat(other)]


def _instead(name: str, known: tuple[str, ...]) -> str:
    if not known:
        return "remove it: there are none"
    return f"write {', '.join(get_close_matches(name, known, 1) or known)}, or remove it"
