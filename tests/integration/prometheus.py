"""A Prometheus that scrapes processes of an installation every second, as somebody's own would every half minute."""

import json
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from kronstream.dev.loopback import free_ports
from kronstream.dev.process import Process

INTERVAL = "1s"
START = 60.0


class Prometheus:
    """Asked for what it found."""

    def __init__(self, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}"

    def ready(self) -> bool:
        """Whether it answers."""
        try:
            with urllib.request.urlopen(f"{self._base}/-/ready", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def exemplars(self, series: str, within: float = 600.0) -> list[dict[str, Any]]:
        """Exemplars of a series of the last seconds: each has `labels` and `value`."""
        now = time.time()
        query = urllib.parse.urlencode({"query": series, "start": now - within, "end": now + 1})
        with urllib.request.urlopen(f"{self._base}/api/v1/query_exemplars?{query}", timeout=30) as answer:
            found = json.load(answer)["data"]
        return [exemplar for one in found for exemplar in one["exemplars"]]

    def ask(self, expression: str) -> list[dict[str, Any]]:
        """The vector or scalar that an expression is now; raises AssertionError with what it said against it."""
        body = urllib.parse.urlencode({"query": expression}).encode()
        try:
            with urllib.request.urlopen(f"{self._base}/api/v1/query", body, timeout=30) as answer:
                data = json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{expression}: {error.read().decode()}") from None
        return [{"metric": {}, "value": data["result"]}] if data["resultType"] == "scalar" else data["result"]


@contextmanager
def scraping(folder: Path, targets: Mapping[str, Sequence[int]], rules: Sequence[Path]) -> Iterator[Prometheus]:
    """One that scrapes ports of this machine, by component, and records by rules whose own interval counts no more."""
    (port,) = free_ports(1)
    places = [folder / rule.name for rule in rules]
    for rule, place in zip(rules, places, strict=True):
        groups = yaml.safe_load(rule.read_text())["groups"]
        place.write_text(yaml.safe_dump({"groups": [{**group, "interval": INTERVAL} for group in groups]}))
    jobs = [
        {
            "job_name": name,
            "static_configs": [{"targets": [f"127.0.0.1:{port}" for port in ports],
                                "labels": {"namespace": "kronstream-system"}}],
        }
        for name, ports in targets.items()
    ]  # fmt: skip
    settings = {"global": {"scrape_interval": INTERVAL}, "rule_files": list(map(str, places)), "scrape_configs": jobs}
    (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
    program = shutil.which("prometheus")
    assert program, "prometheus is missing: bash scripts/prometheus.sh"
    command = [program, f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}",
               f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn",
               "--enable-feature=exemplar-storage"]  # fmt: skip
    process, prometheus = Process("prometheus", command, folder / "prometheus.log"), Prometheus(port)
    process.start()
    try:
        process.wait_until(prometheus.ready, START)
        yield prometheus
    finally:
        process.stop()
