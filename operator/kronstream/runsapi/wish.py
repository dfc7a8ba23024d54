"""What a request wants: from its path, query and Accept header. Raises Refusal, saying what to write instead."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from kronstream.runsapi.refusal import Refusal
from kronstream.runsapi.selection import parse
from kronstream.runsapi.walk import Scope

MOST_SECONDS = 3_600
USUAL_SECONDS = 300
INCLUDES = ("None", "Metadata", "Object")


class Form(StrEnum):
    """The form of an answer."""

    WHOLE = "whole"
    TABLE = "Table"
    METADATA = "PartialObjectMetadata"


def form_of(accept: str, *, several: bool) -> Form:
    """The first form of an Accept header that is served; ``several`` is whether a list is asked for."""
    offered = [part.strip() for part in accept.split(",") if part.strip()] or ["*/*"]
    for part in offered[:32]:
        kind, *rest = (piece.strip() for piece in part.split(";"))
        if kind not in ("application/json", "*/*", "application/*"):
            continue
        parameters = dict(piece.partition("=")[::2] for piece in rest)
        wanted = parameters.get("as")
        if wanted is None:
            return Form.WHOLE
        if parameters.get("g") != "meta.k8s.io" or parameters.get("v") != "v1":
            continue
        if wanted == "Table":
            return Form.TABLE
        if wanted == ("PartialObjectMetadataList" if several else "PartialObjectMetadata"):
            return Form.METADATA
    raise Refusal("NotAcceptable", "only application/json is served, also as=Table and as=PartialObjectMetadata(List)")


@dataclass(frozen=True, slots=True)
class Wish:
    """A list or a watch; ``limit`` 0 is none, ``version`` '' any, ``seconds`` how long a watch lasts."""

    scope: Scope
    form: Form
    include: str
    limit: int
    token: str
    version: str
    seconds: int
    initial: bool
    bookmarks: bool

    @property
    def whole(self) -> bool:
        """Whether results and output are part of the answer."""
        return self.form is Form.WHOLE or (self.form is Form.TABLE and self.include == "Object")


def wish_of(namespace: str | None, query: Mapping[str, str], accept: str) -> Wish:
    """The wish of a GET of the collection."""
    include = query.get("includeObject") or "Metadata"
    if include not in INCLUDES:
        raise Refusal("BadRequest", f"includeObject: write one of {', '.join(INCLUDES)}")
    version = query.get("resourceVersion", "")
    if version and not (version.isascii() and version.isdigit() and len(version) < 20):
        raise Refusal("BadRequest", "resourceVersion: is not one of a list or an object of these; leave it out")
    return Wish(
        scope=Scope(namespace, parse(query.get("labelSelector", ""), query.get("fieldSelector", ""))),
        form=form_of(accept, several=not switch(query, "watch")),
        include=include,
        limit=_whole(query, "limit"),
        token=query.get("continue", ""),
        version=version,
        seconds=min(_whole(query, "timeoutSeconds") or USUAL_SECONDS, MOST_SECONDS),
        initial=switch(query, "sendInitialEvents"),
        bookmarks=switch(query, "allowWatchBookmarks"),
    )


def switch(query: Mapping[str, str], name: str) -> bool:
    """Whether a query says yes; anything but a no says it, as with Kubernetes."""
    return query.get(name, "").lower() not in ("", "0", "f", "false")


def _whole(query: Mapping[str, str], name: str) -> int:
    text = query.get(name, "")
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise Refusal("BadRequest", f"{name}: {text[:40]!r} is not a whole number")
    return int(text)
