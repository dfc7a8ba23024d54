"""One `kronstream dev`: a control plane, operators, routers and workers, from the first start to the last stop."""

import os
import re
import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from kronstream.dev import components
from kronstream.dev.binaries import ensure, wanted
from kronstream.dev.components import Component
from kronstream.dev.console import Console
from kronstream.dev.controlplane import ControlPlane
from kronstream.dev.demo import Demo
from kronstream.dev.errors import DevError, PartFailedError
from kronstream.dev.invitation import invitation
from kronstream.dev.kubeconfig import refuse_foreign
from kronstream.dev.loopback import free_ports
from kronstream.dev.manifests import manifests_dir, yaml_files
from kronstream.dev.privatefile import claimed, write_json, write_private
from kronstream.dev.process import Process
from kronstream.dev.progress import Progress
from kronstream.dev.redisserver import find_redis
from kronstream.dev.signals import StopRequested, StopSignals
from kronstream.dev.supervisor import Supervisor

READY_LIMIT = 60.0  # seconds for all components together
GIVE_UP = 3  # ends of a component that has never been ready: what it needs is there, so it will not get better
OPERATOR_GRACE = 10.0
API_PORT = 3051
TICK = 0.05
TROUBLE = re.compile(r" (WARNING|ERROR|CRITICAL) ")


@dataclass(frozen=True)
class Options:
    """What a person asked for on the command line."""

    data_dir: Path | None = None
    operators: int = 1
    workers: int = 1
    apply: tuple[Path, ...] = ()
    seconds: float | None = None
    kubeconfig: Path | None = None
    controller_manager: bool = False
    handlers: str | None = None
    demo: bool = False


class Session:
    """Runs until it is told to stop. `run` is called once, in the main thread."""

    def __init__(self, options: Options, console: Console, progress: Progress) -> None:
        self._options = options
        self._console = console
        self._progress = progress
        self._supervisor = Supervisor(console.say)
        self._followed: dict[str, Process] = {}
        self._published: dict[str, int | None] = {}
        self._begun = time.monotonic()
        self._api = ""

    def run(self) -> bool:
        """Whether it went well: everything became ready and, in a demo with an end, runs succeeded.

        Raises DevError with a text for a person. Leaves no process behind in any case.
        """
        demo: Demo | None = None
        parts: list[Component] = []
        with StopSignals() as signals, ExitStack() as stack:
            try:
                plane = self._start_plane(stack)
                demo = Demo(plane.api, self._console) if self._options.demo else None
                parts = self._start_components(plane, stack, signals)
                self._announce(plane)
                self._keep_running(plane, demo)
            except StopRequested:
                self._console.say("stopping: what runs may finish (the same again kills it)")
            finally:
                signals.hold()
            return bool(self._published) and self._judge(demo, parts)

    # -- start ---------------------------------------------------------------------------------------------------

    def _start_plane(self, stack: ExitStack) -> ControlPlane:
        options = self._options
        if options.kubeconfig is not None:
            refuse_foreign(options.kubeconfig)
        find_redis(os.environ)
        if options.data_dir is not None:
            stack.enter_context(claimed(options.data_dir))
        binaries = ensure(wanted(controller_manager=options.controller_manager), os.environ, self._progress)
        self._progress.say("starting etcd, kube-apiserver and redis-server")
        plane = ControlPlane(options.data_dir, controller_manager=options.controller_manager, binaries=binaries)
        stack.callback(plane.stop)
        stack.callback((plane.folder / "dev.json").unlink, missing_ok=True)
        plane.start()
        self._watch(plane.processes.values())
        for file in self._manifests():
            self._progress.say(plane.kubectl("apply", "-f", str(file)).strip())
        return plane

    def _manifests(self) -> list[Path]:
        examples = yaml_files(manifests_dir("examples")) if self._options.demo else []
        return [*examples, *self._options.apply]

    def _start_components(self, plane: ControlPlane, stack: ExitStack, signals: StopSignals) -> list[Component]:
        options = self._options
        operators = components.operators(plane, options.operators)
        routers = components.routers(plane, options.operators)
        workers = components.workers(plane, options.workers, self._handlers())
        apis = components.apis(plane, free_ports(1, (API_PORT,))[0])  # the one of the documents, if it is free
        self._api = f"http://127.0.0.1:{apis[0].port}/api/v1/scheduler"
        stack.callback(self._stop, operators, OPERATOR_GRACE, signals)
        stack.callback(self._stop, workers, components.worker_grace(), signals)
        stack.callback(self._stop, [*routers, *apis], OPERATOR_GRACE, signals)
        parts = [*operators, *routers, *workers, *apis]
        for part in parts:
            part.process.start()
        self._watch(part.process for part in parts)
        self._wait_ready(parts)
        return parts

    def _handlers(self) -> str | None:
        if self._options.handlers is None and self._options.demo:
            return str(manifests_dir("examples") / "handlers.py")
        return self._options.handlers

    def _watch(self, processes: Iterable[Process]) -> None:
        for process in processes:
            self._supervisor.watch(process)
            self._followed[process.name] = process

    def _wait_ready(self, parts: list[Component]) -> None:
        deadline = time.monotonic() + READY_LIMIT
        waiting = list(parts)
        while waiting:
            self._supervisor.tick()
            self._follow()
            waiting = [part for part in waiting if not part.ready()]
            for part in waiting:
                if self._supervisor.ends(part.name) >= GIVE_UP:
                    raise part.process.failure(f"ended {GIVE_UP} times before it was ready")
                if time.monotonic() > deadline:
                    raise part.process.failure(f"was not ready within {READY_LIMIT:.0f} s")
            time.sleep(TICK)

    def _announce(self, plane: ControlPlane) -> None:
        if self._options.kubeconfig is not None:
            write_private(self._options.kubeconfig, plane.kubeconfig.read_bytes())
        self._publish(plane)
        shown = self._options.kubeconfig or plane.kubeconfig
        self._console.say(invitation(plane, shown, self._api, time.monotonic() - self._begun))

    # -- run -----------------------------------------------------------------------------------------------------

    def _keep_running(self, plane: ControlPlane, demo: Demo | None) -> None:
        seconds = self._options.seconds
        end = None if seconds is None else time.monotonic() + seconds
        while end is None or time.monotonic() < end:
            self._supervisor.tick()
            self._publish(plane)
            self._follow()
            if demo is not None:
                demo.tick()
            time.sleep(TICK)
        if demo is not None:
            demo.look()

    def _publish(self, plane: ControlPlane) -> None:
        """Keeps dev.json true."""
        pids = self._supervisor.pids
        if pids == self._published:
            return
        content = {
            "kubeconfig": str(plane.kubeconfig),
            "kubectl": str(plane.kubectl.path),
            "redis_url": plane.redis_url,
            "api_url": self._api or None,
            "pids": pids,
        }
        write_json(plane.folder / "dev.json", content)
        self._published = pids

    def _follow(self) -> None:
        """Shows what operators and workers log, in a demo only trouble; all of it is in their files."""
        for name, process in self._followed.items():
            lines = process.log.new_lines()
            if not name.startswith(("operator-", "router-", "worker-", "api-")):
                continue
            for line in lines:
                if not self._options.demo or TROUBLE.search(line):
                    self._console.component(name, line)

    # -- end -----------------------------------------------------------------------------------------------------

    def _judge(self, demo: Demo | None, parts: list[Component]) -> bool:
        """Only a demo that ended by itself is judged by its runs."""
        if demo is None or self._options.seconds is None:
            return True
        down = [part.name for part in parts if part.process.pid is None]
        self._console.say(f"{demo.succeeded} runs succeeded in {self._options.seconds:g} s")
        if down:
            self._console.say(f"but {', '.join(down)} was down at the end")
        elif demo.succeeded == 0:
            self._console.say("that is a failure: give it longer, or see what the lines above complain about")
        return demo.succeeded > 0 and not down

    def _stop(self, parts: list[Component], grace: float, signals: StopSignals) -> None:
        deadline = time.monotonic() + grace
        names = [part.name for part in parts if part.name in self._followed]
        self._supervisor.stop(
            names, lambda: 0.0 if signals.again else deadline - time.monotonic(), meanwhile=self._follow
        )


def explain(error: DevError, options: Options) -> str:
    """The error's text, and how to keep the logs when they were in a temporary folder."""
    temporary = options.data_dir is None and isinstance(error, PartFailedError)
    return f"{error}\nWith --data-dir FOLDER, data and logs are kept." if temporary else str(error)
