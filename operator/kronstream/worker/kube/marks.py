"""What an object tells of the attempt that it was made for: its name, labels, annotations and owner. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kronstream.domain.event import PSEUDO
from kronstream.domain.run import digest
from kronstream.ports import Claim
from kronstream.resources import EVENT_HANDLER, GROUP, SCHEDULED_JOB, VERSION, instant

LONGEST = 63  # so that the name can be a label, and a Job's Pods may carry it
DIGITS = 12
RUN = f"{GROUP}/run"
JOB = f"{GROUP}/job"
NOMINAL = f"{GROUP}/nominal-time"
ATTEMPT = f"{GROUP}/attempt"


def object_name(claim: Claim) -> str:
    """The name of the object of an attempt: the job's name, cut where it is long, twelve digits that stand for the
    run, and the attempt. The same whichever worker asks, so that an attempt has one object."""
    end = f"-{digest(claim.run)[:DIGITS]}-{claim.attempt}"
    return claim.work.name.replace(".", "-")[: LONGEST - len(end)].rstrip("-") + end


def labels(claim: Claim) -> dict[str, str]:
    """The labels; a job's name that is too long for one is cut."""
    return {RUN: claim.run, JOB: claim.work.name[:LONGEST].rstrip("-.")}


def notes(claim: Claim) -> dict[str, str]:
    """The annotations."""
    return {NOMINAL: instant.render(claim.nominal), ATTEMPT: str(claim.attempt)}


def owner(claim: Claim) -> dict[str, Any]:
    """The ScheduledJob, or the EventHandler whose action it is: what it made is deleted after it."""
    kind = EVENT_HANDLER if claim.uid.startswith(PSEUDO) else SCHEDULED_JOB
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": kind.name,
        "name": claim.work.name,
        "uid": claim.uid.removeprefix(PSEUDO),
        "controller": False,
        "blockOwnerDeletion": False,
    }


def metadata(claim: Claim, given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Of an object whose template has the `given` labels and annotations, which stay as they are."""
    given = given or {}
    return {
        "name": object_name(claim),
        "namespace": claim.work.namespace,
        "labels": {**(given.get("labels") or {}), **labels(claim)},
        "annotations": {**(given.get("annotations") or {}), **notes(claim)},
        "ownerReferences": [owner(claim)],
    }


def is_ours(obj: Mapping[str, Any], claim: Claim) -> bool:
    """Whether an object of our name is that of this attempt."""
    return (obj["metadata"].get("labels") or {}).get(RUN) == claim.run
