"""Keeps a set of processes running, and ends them together."""

import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from kronstream.dev.backoff import Backoff
from kronstream.dev.errors import DevError
from kronstream.dev.process import Process


@dataclass
class _Watched:
    process: Process
    started: float
    backoff: Backoff = field(default_factory=Backoff)
    due: float | None = None  # when it is started again, while it is down
    ends: int = 0


class Supervisor:
    """Starts a process that ended again, after a back-off. Nothing runs between two calls of `tick`."""

    def __init__(self, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._say = say
        self._clock = clock
        self._watched: dict[str, _Watched] = {}

    @property
    def pids(self) -> dict[str, int | None]:
        """Process ids by name; None for one that is down just now."""
        return {name: watched.process.pid for name, watched in self._watched.items()}

    def ends(self, name: str) -> int:
        """How often a process ended by itself since it is watched."""
        return self._watched[name].ends

    def watch(self, process: Process) -> None:
        """From now on keeps `process` running; it runs already."""
        self._watched[process.name] = _Watched(process, self._clock())

    def tick(self) -> None:
        """Notices what ended and starts what is due."""
        for watched in self._watched.values():
            if watched.due is None and watched.process.pid is None:
                self._ended(watched)
            elif watched.due is not None and self._clock() >= watched.due:
                self._restart(watched)

    def stop(self, names: Iterable[str], grace: Callable[[], float], meanwhile: Callable[[], None]) -> None:
        """Ends the named together: SIGTERM, then SIGKILL once `grace` (seconds left) is used up.

        Calls `meanwhile` while it waits.
        """
        ending = [self._watched.pop(name).process for name in names]
        for process in ending:
            process.begin_stop(signal.SIGTERM)
        while any(process.pid is not None for process in ending) and grace() > 0:
            meanwhile()
            time.sleep(0.02)
        late = [process.name for process in ending if process.pid is not None]
        if late:
            self._say(f"{', '.join(late)}: killed, for the time to end by itself is over")
        for process in ending:
            process.finish_stop(0)
        meanwhile()

    def _ended(self, watched: _Watched) -> None:
        process, now = watched.process, self._clock()
        process.sweep()
        watched.ends += 1
        delay = watched.backoff.after(now - watched.started)
        watched.due = now + delay
        self._say(f"{process.name} ended ({_ending(process.exit_code)}); it is started again in {delay:.0f} s")

    def _restart(self, watched: _Watched) -> None:
        watched.started, watched.due = self._clock(), None
        try:
            watched.process.start()
        except DevError as error:
            self._say(str(error))
            watched.due = self._clock() + watched.backoff.after(0)


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        return signal.Signals(-code).name
    return f"code {code}"
