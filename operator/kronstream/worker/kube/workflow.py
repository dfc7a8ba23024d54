"""The handler type `workflow`: a custom resource for each attempt, followed until its expressions say that it is over.

It is asked for with a GET at growing intervals. A watch of all resources of a kind, as there is for Jobs, would need
rights on all namespaces, where these are made and read by service accounts of theirs; a watch for each would need the
right to watch, and a connection, for every run.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from kronstream.cluster.api import ApiError
from kronstream.cluster.customresources import CustomResources, ResourceKind
from kronstream.domain import judgement
from kronstream.domain.judgement import Unjudgeable
from kronstream.domain.work import Work
from kronstream.ports import Claim, Recall
from kronstream.resources.workflow import Workflow, WorkflowResource
from kronstream.worker.context import Run
from kronstream.worker.elsewhere.streamtype import StreamType
from kronstream.worker.kube import marks
from kronstream.worker.kube.asking import Asking
from kronstream.worker.kube.elsewhere import Elsewhere, connected
from kronstream.worker.kube.removal import Removals
from kronstream.worker.kube.verdict import failed, succeeded
from kronstream.worker.output import say
from kronstream.worker.rulings import Fault
from kronstream.worker.services import Services

FIRST, LONGEST = 0.5, 5.0  # seconds between looks
NAMED = 10  # fields that are left out and named
SHARE = 20  # an expression that takes long is asked so seldom that it takes this part of the time at most

Object = dict[str, Any]


class WorkflowType:
    """Makes custom resources with the rights of the job's service account, of kinds that the administrator allows."""

    name = "@workflow"

    def __init__(self, services: Services) -> None:
        self._services = services
        self._removals = Removals()
        settings = services.settings
        self._stream = StreamType(
            "workflow", settings.workflow_stream, settings.reply_stream, services.externals, services.wires
        )

    async def execute(self, claim: Claim, run: Run) -> Any:
        """Make what the block tells, or find what an earlier worker of this attempt made; wait for its end."""
        block = Workflow.model_validate(claim.work.call)
        if block.resource is None:
            return await self._stream.execute(claim, run)
        return await self._resource(claim, run, block.resource)

    async def recall(self, recall: Recall, work: Work) -> None:
        """See HandlerType."""
        block = Workflow.model_validate(work.call)
        if block.resource is None:
            await self._stream.recall(recall, work)
        else:
            allowed = frozenset(self._services.settings.workflow_kinds)
            await _Attempt(recall.claim(work), block.resource, self._resources, allowed).remove()

    async def close(self) -> None:
        """See HandlerType."""
        await self._removals.close()

    async def _resource(self, claim: Claim, run: Run, block: WorkflowResource) -> Any:
        attempt = _Attempt(claim, block, self._resources, frozenset(self._services.settings.workflow_kinds))
        try:
            return await attempt.carry_out(self._services)
        except asyncio.CancelledError:
            if not run.handed_back and attempt.begun:
                await self._removals.begin(f"the {attempt.place}", attempt.remove)
            raise
        except Exception:
            if attempt.begun and not attempt.over:
                # nobody would see its end, and the next attempt would run beside it
                await self._removals.begin(f"the {attempt.place}", attempt.remove)
            raise

    async def _resources(self) -> CustomResources:
        return CustomResources(await self._services.cluster.api())


@dataclass
class _Attempt:
    """One attempt and its resource."""

    claim: Claim
    block: WorkflowResource
    connect: Callable[[], Awaitable[CustomResources]]
    allowed: frozenset[str]
    begun: bool = False
    over: bool = False
    left_out: set[str] = field(default_factory=set)
    resources: CustomResources = field(init=False)
    kind: ResourceKind | None = None

    def __post_init__(self) -> None:
        self.begun = self.claim.external is not None

    @property
    def name(self) -> str:
        """The name of the resource."""
        return marks.object_name(self.claim)

    @property
    def place(self) -> str:
        """Its kind, namespace and name."""
        return f"{self.block.template['kind']} {self.claim.work.namespace}/{self.name}"

    @property
    def asking(self) -> Asking:
        """For requests about it."""
        work = self.claim.work
        what = self.kind.name.partition("/")[0] if self.kind else "resources"
        right = (
            f"the service account {work.namespace}/{work.account} needs the rights to create, get and delete "
            f"{what}, and that of the workers the right to impersonate it"
        )
        return Asking(f"the {self.place}", right)

    async def carry_out(self, services: Services) -> Any:
        """Answers the result; raises Fault."""
        self.resources = await connected(self.connect)
        self.kind = kind = await self._find_kind()
        elsewhere = await Elsewhere.attach(services.externals, self.claim)
        self.begun = True
        made = await self._make(kind)
        await elsewhere.progress(f"the {self.place} was made")
        try:
            final, end = await self._until_over(kind, made["metadata"]["uid"])
        except Unjudgeable as error:
            raise Fault("Expression", str(error), codes=("Expression",), permanent=True) from None
        self.over = True
        if self.block.cleanup == "Always" or (self.block.cleanup == "OnSuccess" and end is None):
            await self.asking.ask(self.remove)
        if end is not None:
            raise end
        return succeeded(final)

    async def _find_kind(self) -> ResourceKind:
        """How the kind is addressed. Raises Fault where the administrator does not allow it."""
        version, kind = self.block.template["apiVersion"], self.block.template["kind"]
        # nobody learns from a worker that allows nothing what the cluster serves
        known = await self.asking.ask(lambda: self._served(self.resources)) if self.allowed else None
        found = known or self._guessed()
        if found.name not in self.allowed:
            message = (
                f"the workers may not make the kind {kind} of {version}; their administrator would allow it by "
                f"KRONSTREAM_WORKFLOW_KINDS={','.join([*sorted(self.allowed), found.name])}"
            )
            raise Fault("KindNotAllowed", message, codes=("KindNotAllowed",), permanent=True)
        if known is None:
            message = f"the cluster has no kind {kind} of {version}; install its CustomResourceDefinition"
            raise Fault("NoSuchKind", message, codes=("NoSuchKind",))
        if not known.namespaced:
            message = f"the kind {kind} of {version} belongs to no namespace; write one that does"
            raise Fault("NotNamespaced", message, codes=("NotNamespaced",), permanent=True)
        return known

    async def _make(self, kind: ResourceKind) -> Object:
        """The resource of this attempt, as the server keeps it. Raises Fault where another one has the name."""
        template = self.block.template
        resource = {**template, "metadata": marks.metadata(self.claim, template.get("metadata"))}
        while True:
            try:
                return await self.asking.ask(
                    lambda: self.resources.create(kind, resource, self.claim.work.account), conflicts=True
                )
            except ApiError:  # there is one of our name already
                found = await self.asking.ask(lambda: self._get(self.resources, kind))
            if found is not None and not marks.is_ours(found, self.claim):
                message = f"there is a {self.place} that was not made for this run; delete or rename it"
                raise Fault("NameTaken", message, codes=("NameTaken",))
            if found is not None:
                return found

    async def _get(self, resources: CustomResources, kind: ResourceKind) -> Object | None:
        work = self.claim.work
        return await resources.get(kind, work.namespace, self.name, work.account)

    async def _until_over(self, kind: ResourceKind, uid: str) -> tuple[Object, Fault | None]:
        """The resource once it is over, and its failure. Raises Unjudgeable, and Fault when it is deleted."""
        success = judgement.compile(self.block.success)
        failure = judgement.compile(self.block.failure) if self.block.failure is not None else None
        look = FIRST
        while True:
            found = await self.asking.ask(lambda: self._get(self.resources, kind))
            if found is None or found["metadata"]["uid"] != uid:
                message = f"the {self.place} was deleted before it was over"
                raise Fault("ResourceDeleted", message, codes=("ResourceDeleted",))
            began = time.monotonic()
            shown = judgement.shown(found)
            self._tell_left_out(shown.left_out)
            if failure is not None and failure.holds(shown):
                return found, failed(found, failure.text)
            if success.holds(shown):
                return found, None
            took = time.monotonic() - began
            await asyncio.sleep(max(look, SHARE * took))
            look = min(look * 1.5, LONGEST)

    def _tell_left_out(self, fields: tuple[str, ...]) -> None:
        """Say in the output which fields the expressions do not see, once for each."""
        new = set(fields) - self.left_out
        self.left_out |= new
        limit = judgement.MAX_BYTES // 1024
        for name in sorted(new)[:NAMED]:
            say(f"the {self.place} has more than {limit} KiB: success and failure do not see its {name}\n")

    async def remove(self) -> None:
        """Delete the resource of this attempt, if there is one."""
        resources = await self.connect()
        # one who took the attempt over may be cancelled before it looked for the kind
        kind = self.kind or await self._served(resources) or self._guessed()
        found = await self._get(resources, kind)
        if found is not None and marks.is_ours(found, self.claim):
            work = self.claim.work
            await resources.delete(kind, work.namespace, self.name, found["metadata"]["uid"], work.account)

    async def _served(self, resources: CustomResources) -> ResourceKind | None:
        return await resources.kind(self.block.template["apiVersion"], self.block.template["kind"])

    def _guessed(self) -> ResourceKind:
        """How a kind that the cluster does not serve would be addressed, by the usual plural."""
        return ResourceKind(self.block.template["apiVersion"], f"{self.block.template['kind'].lower()}s", True)
