"""Somebody on call: a shell with the programs of the runbooks, and the graphs of an installation."""

import math
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from eventually import eventually
from integration.installation import Installation
from integration.probes import readiness
from integration.prometheus import Prometheus
from unit.pagecommands import DOCS, FENCE, SPAN, Command

BIN = Path(sys.executable).parent
PLACES = ("ID", "NAME", "QUEUE", "RUN")
WITHIN = 60.0  # seconds until what was done is seen in logs, graphs and answers


class OnCall:
    """Runs the commands of a page and nothing else; `left` are those that were not run yet.

    Where `monitor` is None there are no graphs.
    """

    def __init__(self, installation: Installation, commands: Sequence[Command], monitor: Prometheus | None) -> None:
        self.installation = installation
        self.left = {command.text for command in commands}
        self._known = frozenset(self.left)
        self._monitor = monitor
        plain = {name: text for name, text in os.environ.items() if not name.startswith(("KRONSTREAM_", "KUBECONFIG"))}
        self.environ = {
            **plain,
            "PATH": f"{BIN}:{installation.plane.kubectl.path.parent}:/usr/bin:/bin",
            "KUBECONFIG": str(installation.plane.kubeconfig),
            "KRONSTREAM_SERVER": installation.url().removesuffix("/api/v1/scheduler"),
            "KRONSTREAM_REDIS_URL": installation.plane.redis_url,
        }

    def __call__(
        self, text: str, /, *, behind: str = "", code: int = 0, given: str = "", seconds: int = 60, **places: str
    ) -> str:
        """What a command of the page prints, on both streams. `places` fill in its capitals, `behind` follows it;
        `given` is what a person answers; one that does not end by itself is ended after `seconds`, with code 124.
        """
        assert text in self._known, f"the page has no {text}"
        self.left.discard(text)
        filled = re.sub(rf"\b({'|'.join(PLACES)})\b", lambda found: places[found[1]], text)
        shell = ["timeout", str(seconds), "bash", "-euo", "pipefail", "-c", f"{filled} {behind}"]
        done = subprocess.run(shell, env=self.environ, input=given, capture_output=True, text=True, check=False)
        assert done.returncode == code, f"{filled}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def kronstream(self, *words: str) -> str:
        """What a command line of nobody's page prints."""
        done = subprocess.run(["kronstream", *words], env=self.environ, capture_output=True, text=True, check=True)
        return done.stdout

    def readiness(self, name: str) -> str:
        """What a process answers to /readyz: the code, and the line below it."""
        return readiness(self.installation.components[name])

    def logged(self, name: str, *texts: str) -> None:
        """Waits until a process has logged all of some texts."""
        for text in texts:
            eventually(lambda text=text: text in self.installation.log(name), within=WITHIN, because=text)

    def graph(self, query: str) -> float:
        """The largest value that a query has now; NaN where there is none."""
        assert self._monitor is not None
        values = [float(one["value"][1]) for one in self._monitor.ask(query)]
        return max((value for value in values if not math.isnan(value)), default=math.nan)

    def shows(self, query: str, least: float = 0.0, most: float = math.inf) -> None:
        """Waits until the graph of a query is within bounds."""
        eventually(lambda: least <= self.graph(query) <= most, within=WITHIN, because=query)


def queries(page: str) -> list[str]:
    """What a page, by its path below docs/, asks a Prometheus for: code with a metric and something done to it."""
    text = FENCE.sub("", (DOCS / f"{page}.md").read_text("utf-8"))
    found = [" ".join(code.split()) for _, code in SPAN.findall(text)]
    return [code for code in found if re.search(r"\b(kronstream|process)[_:]", code) and re.search(r"[({]", code)]
