"""Who somebody is and what they may do, as the cluster says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

GROUP = "kronstream.dev"


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody whom the cluster knows."""

    name: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Right:
    """A verb on a resource of the group kronstream.dev; no namespace means every one (or a resource without), no name
    any."""

    verb: str
    resource: str
    subresource: str = ""
    namespace: str = ""
    name: str = ""

    def __str__(self) -> str:
        """As a person would ask an administrator for it."""
        what = f"{self.resource}/{self.subresource}" if self.subresource else self.resource
        return f"{self.verb} {what}.{GROUP}" + (f" in namespace {self.namespace}" if self.namespace else "")


class Reviews(Protocol):
    """Both raise StoreAway where the API server does not answer."""

    async def authenticate(self, token: str) -> Caller | None:
        """Whose token it is; None where it is nobody's, or ended."""
        ...

    async def allows(self, caller: Caller, right: Right) -> bool:
        """Whether somebody has a right."""
        ...
