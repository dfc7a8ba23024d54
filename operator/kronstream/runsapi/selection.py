"""Label and field selectors, as Kubernetes writes them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from kronstream.domain.run import State
from kronstream.ports import Execution
from kronstream.runsapi.names import JOB, STATUS
from kronstream.runsapi.objects import FIELDS, fields, job_label, labels
from kronstream.runsapi.refusal import Refusal

MOST = 4_096
_KEY = r"[A-Za-z0-9](?:[-A-Za-z0-9_./]*[A-Za-z0-9])?"
_VALUE = r"[-A-Za-z0-9_.]*"
_EQUAL = re.compile(rf"({_KEY})\s*(==|=|!=)\s*({_VALUE})")
_SET = re.compile(rf"({_KEY})\s+(in|notin)\s*\(\s*({_VALUE}(?:\s*,\s*{_VALUE})*)\s*\)")
_THERE = re.compile(rf"(!?)\s*({_KEY})")
_FIELD = re.compile(r"([A-Za-z.]+)\s*(==|=|!=)\s*((?:[^\\,=]|\\[\\,=])*)")


@dataclass(frozen=True, slots=True)
class Requirement:
    """A label or field has one of some values (``values`` None: it is there), or, where ``negated``, has not."""

    key: str
    values: frozenset[str] | None
    negated: bool = False

    def holds(self, told: Mapping[str, str]) -> bool:
        """Whether it holds for these labels or fields; of what is not there, every negation is true."""
        value = told.get(self.key)
        found = value is not None if self.values is None else value in self.values
        return found is not self.negated


@dataclass(frozen=True, slots=True)
class Selection:
    """What a caller wants of the executions; all requirements must hold."""

    labels: tuple[Requirement, ...] = ()
    fields: tuple[Requirement, ...] = ()

    def holds(self, record: Execution) -> bool:
        """Whether an execution is wanted."""
        told = labels(record) if self.labels else {}
        if not all(requirement.holds(told) for requirement in self.labels):
            return False
        told = fields(record) if self.fields else {}
        return all(requirement.holds(told) for requirement in self.fields)

    def only(self, field: str) -> str | None:
        """The one value that a field must have, if the selector says so."""
        return next((_single(item) for item in self.fields if item.key == field and _single(item) is not None), None)

    def wants_job(self, name: str) -> bool:
        """Whether executions of a job of this name can be wanted at all."""
        told, shown = {"spec.job": name}, {JOB: job_label(name)}
        return all(item.holds(told) for item in self.fields if item.key == "spec.job") and all(
            item.holds(shown) for item in self.labels if item.key == JOB
        )

    @property
    def states(self) -> frozenset[State]:
        """The states in which a wanted execution can be."""
        named = [item for item in self.labels if item.key == STATUS]
        named += [replace(item, key=STATUS) for item in self.fields if item.key == "status.state"]
        return frozenset(state for state in State if all(item.holds({STATUS: state.value}) for item in named))

    @property
    def job(self) -> str | None:
        """The name of the one job whose executions can be wanted, if a selector names it in full."""
        named = [_single(item) for item in self.labels if item.key == JOB]
        whole = [name for name in named if name is not None and ".." not in name]
        return self.only("spec.job") or (whole[0] if whole else None)


def _single(item: Requirement) -> str | None:
    if item.negated or item.values is None or len(item.values) != 1:
        return None
    return next(iter(item.values))


def parse(label_selector: str, field_selector: str) -> Selection:
    """Raises Refusal, saying what to write instead."""
    for name, text in (("labelSelector", label_selector), ("fieldSelector", field_selector)):
        if len(text) > MOST:
            raise Refusal("BadRequest", f"{name}: has {len(text)} characters and {MOST} are allowed")
        if not text.isprintable():
            raise Refusal("BadRequest", f"{name}: has characters that cannot be printed")
    return Selection(tuple(_labels(label_selector.strip())), tuple(_fields(field_selector.strip())))


def _labels(text: str) -> list[Requirement]:
    found: list[Requirement] = []
    rest = text
    while rest:
        requirement, rest = _label(rest)
        found.append(requirement)
        rest = rest.lstrip()
        if rest and not rest.startswith(","):
            raise _unreadable(rest)
        rest = rest[1:].lstrip()
    return found


def _label(text: str) -> tuple[Requirement, str]:
    match = _SET.match(text)
    if match:
        values = frozenset(value.strip() for value in match[3].split(","))
        return Requirement(match[1], values, match[2] == "notin"), text[match.end() :]
    match = _EQUAL.match(text)
    if match:
        return Requirement(match[1], frozenset({match[3]}), match[2] == "!="), text[match.end() :]
    match = _THERE.match(text)
    if match:
        return Requirement(match[2], None, bool(match[1])), text[match.end() :]
    raise _unreadable(text)


def _unreadable(rest: str) -> Refusal:
    return Refusal(
        "BadRequest",
        f"labelSelector: {rest[:80]!r} cannot be read; write key=value, key!=value, key in (a,b), key notin (a,b), "
        "key or !key, several between commas",
    )


def _fields(text: str) -> list[Requirement]:
    found: list[Requirement] = []
    rest = text
    while rest:
        match = _FIELD.match(rest)
        if match is None:
            raise Refusal(
                "BadRequest", f"fieldSelector: {rest[:80]!r} cannot be read; write field=value or field!=value, "
                "several between commas",
            )  # fmt: skip
        if match[1] not in FIELDS:
            raise Refusal("BadRequest", f"field label not supported: {match[1][:80]}; write one of {', '.join(FIELDS)}")
        value = re.sub(r"\\(.)", r"\1", match[3])
        found.append(Requirement(match[1], frozenset({value}), match[2] == "!="))
        rest = rest[match.end() :].lstrip()
        if rest and not rest.startswith(","):
            raise Refusal("BadRequest", f"fieldSelector: {rest[:80]!r}: write a comma between two of them")
        rest = rest[1:].lstrip()
    return found
