"""An operator replica: its rooms put together, and its life from start to stop."""

import asyncio
import gc
import logging
import time

from prometheus_client import CollectorRegistry
from redis.exceptions import RedisError

from kronstream.budget import Budget
from kronstream.clock import StoreClock, told
from kronstream.cluster.api import ClusterApi
from kronstream.cluster.configmaps import ConfigMap
from kronstream.cluster.eventhandlers import EventHandlers
from kronstream.cluster.events import Events
from kronstream.cluster.identity import cluster_id
from kronstream.cluster.namespaces import Namespaces
from kronstream.cluster.scheduledjobs import ScheduledJobs
from kronstream.cluster.watch import Inbox, Watch
from kronstream.controller.absence import Absence
from kronstream.controller.apiservice import apiservice_of
from kronstream.controller.asking import Asking
from kronstream.controller.backfilling import Backfilling
from kronstream.controller.deafness import Deafness
from kronstream.controller.declaring import Declaring
from kronstream.controller.expiring import Expiring
from kronstream.controller.job import REVISION, Job
from kronstream.controller.looking import look_every
from kronstream.controller.marks import marks
from kronstream.controller.measures import Measures
from kronstream.controller.offers import Offers
from kronstream.controller.pausemap import PauseMap
from kronstream.controller.pauses import Pauses
from kronstream.controller.pauseswitch import PauseSwitch
from kronstream.controller.purging import Purging
from kronstream.controller.rebuild import Rebuild
from kronstream.controller.reconciler import Reconciler
from kronstream.controller.replicas import Replicas
from kronstream.controller.roster import Roster
from kronstream.controller.spans import Spans
from kronstream.controller.statuswriter import StatusWriter
from kronstream.controller.storeview import StoreView
from kronstream.controller.ticker import Ticker
from kronstream.operations import Backfills, Runs
from kronstream.rooms import live_together
from kronstream.settings import OperatorSettings
from kronstream.streams.connection import connect, verify
from kronstream.streams.counting import RedisCounting
from kronstream.streams.effects import RedisEffects
from kronstream.streams.keys import Keys
from kronstream.streams.ledger import RedisLedger
from kronstream.streams.ownership import Ownership
from kronstream.streams.queues import RedisQueues
from kronstream.streams.records import Records
from kronstream.streams.requests import RedisRequests
from kronstream.streams.suitability import Caveat
from kronstream.trouble import Trouble
from kronstream.vitals import introduce

log = logging.getLogger(__name__)

SWEEP = 0.25
CHUNK = 200
LOOK = 2.0
CLOCKS = 5.0
SURVEY = 5.0
TELL = 1.0


class Operator:
    """One replica. ``run`` ends when its task is cancelled; ``ready`` answers the readiness probe."""

    def __init__(
        self, settings: OperatorSettings, api: ClusterApi, registry: CollectorRegistry, spans: Spans | None = None
    ) -> None:
        """``spans`` tells of adoptions and dispatches, where somebody collects traces."""
        self._settings = settings
        self._spans = spans
        keys, group = Keys(settings.redis.base_stream), settings.redis.group
        self._redis = connect(settings.redis.url, connections=6)
        ledger = RedisLedger(self._redis, keys, group)
        self._pulse = connect(settings.redis.url, connections=2, timeout=1.0)
        beats = RedisLedger(self._pulse, keys, group)
        self._ownership = Ownership(
            self._pulse, keys, lambda: cluster_id(api), settings.redis.installation, settings.take_over
        )
        jobs = ScheduledJobs(api, settings.namespaces)
        self._ledger, self._caveat = ledger, Caveat()
        self._clock, self._date = StoreClock(), api.clock
        self._measures = Measures(registry, traced=spans is not None)
        self._roster = Roster()
        scope = ",".join(sorted(settings.namespaces))
        self._replicas = Replicas(
            beats, self._clock, settings.replica, self._verify, scope=scope, revision=REVISION, paused=settings.paused
        )
        self._offers = Offers(ledger, self._roster)
        budget = Budget(settings.status_rate, settings.status_peak, settings.status_burst, time.monotonic())
        steady = Budget(settings.status_rate, settings.status_peak, settings.status_rate, time.monotonic())
        self._pauses = Pauses(ledger, self._roster, self._clock, self._replicas)
        self._writer = StatusWriter(
            self._roster, ledger, jobs, Events(api), self._replicas, self._offers, self._pauses, self._clock,
            self._measures, budget, steady,
        )  # fmt: skip
        self._pauses.changed = self._writer.changed
        config = ConfigMap(api, settings.operator_namespace, settings.pauses)
        self._pause_map = PauseMap(Declaring(ledger, self._clock), config, Events(api), self._replicas)
        self._pause_switch = PauseSwitch(ledger, self._replicas, settings.namespaces, paused=settings.paused)
        self._replicas.returned = self._declare_again
        self._ticker = Ticker(self._roster, ledger, self._clock, self._replicas, self._measures, self._refresh)
        self._reconciler = Reconciler(
            self._roster, ledger, jobs, self._clock, settings.grace, self._armed, self._gone, self._replicas.manned
        )
        requests = RedisRequests(self._redis, keys, group)
        runs = Runs(requests, Records(self._redis, keys))
        self._asking = Asking(self._roster, jobs, Events(api), runs, self._replicas, self._clock)
        self._backfilling = Backfilling(self._roster, ledger, Backfills(requests), self._replicas)
        self._expiring = Expiring(self._roster, ledger, jobs, self._replicas, self._clock)
        effects = RedisEffects(self._redis, keys, group)
        handlers = EventHandlers(api, settings.namespaces)
        self._deafness = Deafness(effects, handlers, self._replicas, self._clock, scope)
        self.paces = [self._ticker.pace]
        self._reconciler.asked = self._noted
        self._writer.calm = self._ticker.calm
        self._writer.take_up = self._reconciler.raise_seq
        self._apiservice = apiservice_of(settings, api, self._replicas)
        self._absence = Absence(
            self._roster, ledger, jobs, self._clock, self._reconciler, self._measures, settings.relist / 1000
        )
        self._replicas.departed = self._absence.relisted
        self._purging = Purging(ledger, Namespaces(api), jobs.covers, settings.relist / 1000)
        self._reconciler.forgotten = self._absence.forgotten = self._purging.forgotten
        self._rebuild = Rebuild(self._roster, ledger, jobs, self._reconciler, self._replicas, settings.grace)
        self._rebuild.pauses = self._fill_in_pauses
        queues, counting = RedisQueues(self._redis, keys, group), RedisCounting(self._redis, keys)
        self._view = StoreView(self._roster, ledger, queues, counting, registry)
        self._watched(registry)

    def _watched(self, registry: CollectorRegistry) -> None:
        """Have it told what goes on: by metrics, and by spans where somebody collects them."""
        introduce(registry)
        self._replicas.answered = self._measures.redis.answered
        self._replicas.away = self._measures.redis.away
        if self._spans is not None:
            self._ticker.fired = self._spans.dispatched

    def ready(self) -> tuple[bool, str]:
        """Whether this replica fires, and a line that says why not."""
        if self._replicas.fault:
            return False, f"Redis cannot be used: {self._replicas.fault}"
        if not self._replicas.open.is_set():
            why = f"; {self._rebuild.fault}" if self._rebuild.fault else ""
            return False, f"Redis is being filled from the resources{why}"
        if not self._replicas.serving and self._absence.fault:
            return False, f"the jobs are not known yet: {self._absence.fault}"
        off = self._clocks()
        line = f"{len(self._roster)} job(s), {len(self._replicas.live)} replica(s){'; ' if off else ''}{off}"
        return True, self._caveat.beside(line)

    async def run(self) -> None:
        """Run until cancelled; whatever ends one room unexpectedly ends the process, to be started anew."""
        await self._replicas.admit()
        inbox = Inbox(asyncio.get_running_loop(), self._reconciler.observe, self._absence.relisted)
        watch = Watch(inbox, ScheduledJobs.PLURAL, self._settings.namespaces, self._measures.watches)
        self.paces.append(watch.pace)
        self._absence.answered = watch.close_gap
        self._absence.complete = self._complete
        watch.start()
        try:
            await live_together(
                (
                    self._replicas.run,
                    self._ownership.lost,
                    self._reconciler.run,
                    self._tick,
                    self._writer.run,
                    self._pauses.run,
                    self._pause_map.run,
                    self._pause_map.keep,
                    self._pause_switch.run,
                    self._asking.run,
                    self._backfilling.run,
                    self._expiring.run,
                    self._deafness.run,
                    self._absence.run,
                    self._purging.run,
                    self._rebuild.run,
                    self._rebuild.run_comparison,
                    self._sweep,
                    self._look,
                    self._compare_clocks,
                    self._survey,
                    self._tell,
                    *((self._apiservice.run,) if self._apiservice else ()),
                )
            )
        finally:
            await asyncio.to_thread(watch.stop)
            await self._leave()

    def _complete(self) -> None:
        if not self._replicas.serving:
            # a full collection walks over every job: 50 ms for ten thousand, at any instant
            gc.collect()
            gc.freeze()
        self._replicas.serve()

    async def _tick(self) -> None:
        # what came due while nobody looked may have been paused
        await self._pause_map.told.wait()
        await self._pause_switch.told.wait()
        await self._ticker.run()

    async def _fill_in_pauses(self) -> None:
        await self._pause_map.restore()
        await self._pause_switch.restore()

    async def _declare_again(self) -> None:
        await self._pause_map.returned()
        await self._pause_switch.restore(since=None)

    async def _verify(self) -> None:
        self._caveat.note(await verify(self._pulse))
        await self._ownership.verify()

    async def _sweep(self) -> None:
        """Promote retries and bring back what was lost: any replica, any time."""
        moved, trouble = 0, Trouble(log, "sweeping failed, tried again")
        while True:
            await asyncio.sleep(0 if moved >= CHUNK else SWEEP)
            await self._replicas.open.wait()
            try:
                moved = await self._ledger.sweep(CHUNK)
                self._measures.swept.inc(moved)
                trouble.over()
            except (RedisError, OSError, TimeoutError) as error:
                trouble.tell(error)
                moved = 0

    def _clocks(self) -> str:
        return told(self._clock.skew(), self._date.skew())

    async def _compare_clocks(self) -> None:
        """Tell of clocks that are off; what is due follows the store's, whatever ours says."""
        trouble = Trouble(log, "clocks differ, and jobs run by that of Redis")
        while True:
            await asyncio.sleep(CLOCKS)
            trouble.note(self._clocks())

    async def _look(self) -> None:
        trouble = Trouble(log, "reading the workers' cards failed, tried again")
        await look_every(LOOK, self._replicas.open, self._look_at_workers, trouble)

    async def _survey(self) -> None:
        trouble = Trouble(log, "what the store holds cannot be read for the metrics, tried again")
        await look_every(SURVEY, self._replicas.open, self._view.look, trouble)

    async def _tell(self) -> None:
        """Metrics of what this replica is about to do, also while the store is away."""
        while True:
            first, now = self._roster.first(), self._clock.now()
            dispatching = self.ready()[0] and self._pause_map.told.is_set() and self._pause_switch.told.is_set()
            self._measures.jobs.set(len(self._roster))
            self._measures.overdue.set(0 if first is None else max(now - first, 0) / 1000)
            self._measures.dispatching.set(dispatching)
            self._measures.serving.set(self._replicas.serving)
            self._measures.replicas.set(len(self._replicas.live))
            await asyncio.sleep(TELL)

    async def _look_at_workers(self) -> None:
        await self._offers.look(self._writer.changed)

    def _refresh(self, job: Job) -> None:
        self._reconciler.refresh(job)

    def _noted(self, job: Job) -> None:
        self._asking.look(job)
        self._expiring.look(job)

    def _armed(self, job: Job) -> None:
        self._ticker.arm(job)
        if job.observed != job.generation:
            self._writer.fresh(job.uid)
            if self._spans is not None and self._replicas.owns(job.uid):
                self._spans.adopted(job)

    def _gone(self, job: Job) -> None:
        log.info("%s/%s is gone", job.namespace, job.name, extra=marks(job))

    async def _leave(self) -> None:
        try:
            await self._replicas.beat("leave")
            if self._apiservice and self._replicas.alone:
                await self._apiservice.withdraw()
        except (RedisError, OSError, TimeoutError) as error:
            log.info("leaving without a word to the others: %s", error)
        await self._redis.aclose()
        await self._pulse.aclose()
        if self._spans is not None:
            await self._spans.close()
