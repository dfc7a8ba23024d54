"""Every name in Redis, in one place. The scripts build the same names from the base (see ``lua/prelude.lua``).

All keys carry the hash tag of the base stream's name, so that they share its slot on a cluster.
"""

from dataclasses import dataclass

from kronstream.domain.run import State
from kronstream.settings import DEFAULT_STREAM

DEFAULT_BASE = DEFAULT_STREAM


@dataclass(frozen=True, slots=True)
class Keys:
    """Names derived from the base stream's name; raises ValueError for a name with braces or an empty one."""

    base: str = DEFAULT_BASE

    def __post_init__(self) -> None:
        if not self.base or "{" in self.base or "}" in self.base:
            raise ValueError(f"stream name {self.base!r}: braces choose the cluster slot; write a name without them")

    def _of(self, name: str) -> str:
        return f"{{{self.base}}}:{name}"

    def lane(self, queue: str, lane: str) -> str:
        """Stream of a queue's lane; the default queue's medium lane is the base itself."""
        if queue == "default" and lane == "medium":
            return self.base
        return self._of(f"q:{queue}:{lane}")

    def wake(self, queue: str) -> str:
        """List on which a queue's workers block."""
        return self._of(f"wake:{queue}")

    def job(self, uid: str) -> str:
        """Hash: a job's generation, cursor and counters."""
        return self._of(f"job:{uid}")

    def run(self, run: str) -> str:
        """Hash: a run's record."""
        return self._of(f"run:{run}")

    def work(self, uid: str) -> str:
        """Hash: what a job's runs execute, by generation."""
        return self._of(f"work:{uid}")

    def backfill(self, backfill: str) -> str:
        """Hash: a backfill."""
        return self._of(f"backfill:{backfill}")

    def backfills_of(self, uid: str) -> str:
        """Sorted set: a job's backfills by the instant they were asked for."""
        return self._of(f"bfs:{uid}")

    def good(self, uid: str) -> str:
        """Sorted set: a job's successful runs by the instant they ended."""
        return self._of(f"good:{uid}")

    def bad(self, uid: str) -> str:
        """Sorted set: a job's other finished runs by the instant they ended."""
        return self._of(f"bad:{uid}")

    def bad_in(self, uid: str, state: State) -> str:
        """Sorted set: of those the ones in a state."""
        return f"{self.bad(uid)}:{state.value}"

    def active(self, uid: str) -> str:
        """Sorted set: a job's unfinished runs; negative scores have not started."""
        return self._of(f"active:{uid}")

    def worker(self, consumer: str) -> str:
        """Hash: a worker's card; its time to live is the lease."""
        return self._of(f"worker:{consumer}")

    def answer(self, key: str) -> str:
        """String: the answer to a request with a key."""
        return self._of(f"api:{key}")

    def order(self, order: str) -> str:
        """Hash: an order about many runs."""
        return self._of(f"order:{order}")

    def past(self, uid: str) -> str:
        """Hash: whose a deleted job was, as long as something of its history is left."""
        return self._of(f"past:{uid}")

    def made(self, uid: str) -> str:
        """String: namespace and name of a job that was made a moment ago."""
        return self._of(f"made:{uid}")

    def effects_of(self, handler: str) -> str:
        """Sorted set: a handler's waiting effects by the instant since which they wait."""
        return self._of(f"eitems:{handler}")

    def open_of(self, handler: str) -> str:
        """Sorted set: jobs that a handler created, or is creating, and that are not over."""
        return self._of(f"eopen:{handler}")

    @property
    def effect_load(self) -> str:
        """Hash: how many effects wait, and the bytes of their bodies."""
        return self._of("eload")

    @property
    def dead_events(self) -> str:
        """Stream: dead letters of events."""
        return self._of("edead")

    @property
    def outcomes(self) -> str:
        """Stream: what became of runs."""
        return self._of("outcomes")

    @property
    def wanted(self) -> str:
        """Hash: the kinds of outcomes that somebody listens for, by scope."""
        return self._of("wanted")

    @property
    def roll(self) -> str:
        """Sorted set: event handlers by the turn in which their generation came into force."""
        return self._of("roll")

    @property
    def turn(self) -> str:
        """String: the last turn."""
        return self._of("turn")

    @property
    def names(self) -> str:
        """Hash: UIDs of adopted jobs by namespace and name."""
        return self._of("names")

    @property
    def by_name(self) -> str:
        """Sorted set: `namespace name uid` of adopted jobs, and of deleted ones of whose history something is left, all
        of score 0: in this order."""
        return self._of("byname")

    @property
    def gone(self) -> str:
        """Sorted set: `namespace name uid` of deleted jobs by the instant at which the last of their history ends."""
        return self._of("gone")

    @property
    def jobs(self) -> str:
        """Sorted set: UIDs of adopted jobs by the instant of adoption."""
        return self._of("jobs")

    @property
    def dirty(self) -> str:
        """Sorted set: UIDs whose status is out of date, by sequence number."""
        return self._of("dirty")

    @property
    def unfinished(self) -> str:
        """Sorted set: every unfinished run by the instant at which it wants attention."""
        return self._of("unfinished")

    @property
    def workers(self) -> str:
        """Sorted set: consumers by their last heartbeat."""
        return self._of("workers")

    @property
    def replicas(self) -> str:
        """Hash: operators by their last heartbeat."""
        return self._of("replicas")

    @property
    def routers(self) -> str:
        """Sorted set: routers by their last heartbeat."""
        return self._of("routers")

    @property
    def backfills(self) -> str:
        """Sorted set: running backfills by the instant at which they want attention."""
        return self._of("backfills")

    @property
    def scopes(self) -> str:
        """Hash: pauses of namespaces and of all jobs, by source and scope."""
        return self._of("scopes")

    @property
    def dead(self) -> str:
        """Stream: dead letters, entries that no worker understands."""
        return self._of("dead")

    @property
    def recalls(self) -> str:
        """List: work elsewhere that is to be taken back."""
        return self._of("recalls")

    @property
    def queue_pauses(self) -> str:
        """Hash: paused queues."""
        return self._of("qpauses")

    @property
    def installation(self) -> str:
        """String: the installation that the data belongs to, as `<cluster>/<name>`."""
        return self._of("installation")

    @property
    def counts(self) -> str:
        """Hash: how many runs ended and how many instants made none, by outcome and reason, of all jobs together."""
        return self._of("counts")

    @property
    def epoch(self) -> str:
        """String: present as long as the store was not lost."""
        return self._of("epoch")
