"""The table of all metrics in the documentation, made from the code: ``python -m kronstream.cli.metrictable``."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector

BEGIN, END = "<!-- metrics -->\n", "<!-- end of metrics -->\n"
PARTS = ("operator", "router", "worker", "api", "runs-apiserver", "webhook")


@dataclass(frozen=True)
class Row:
    """A metric as it is exposed, without the suffixes of a histogram; ``parts`` are the components that have it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    parts: tuple[str, ...]
    meaning: str


class _Declared(CollectorRegistry):
    """Keeps what is registered, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Collector] = []

    def register(self, collector: Collector) -> None:
        """See CollectorRegistry."""
        self.found.append(collector)
        super().register(collector)


def rows() -> list[Row]:
    """Every metric of every component, in the order of the components."""
    found: dict[str, Row] = {}
    for part in PARTS:
        for name, kind, labels, meaning in _of(part):
            known = found.get(name, Row(name, kind, labels, (), meaning))
            if (known.kind, known.labels, known.meaning) != (kind, labels, meaning):
                raise ValueError(f"{name} is one thing in {known.parts} and another in {part}")
            found[name] = Row(name, kind, labels, (*known.parts, part), meaning)
    return list(found.values())


def _of(part: str) -> Iterator[tuple[str, str, tuple[str, ...], str]]:
    registry = _Declared()
    _declare(part, registry)
    for collector in registry.found:
        for family in getattr(collector, "describe", collector.collect)():
            # neither kind of object tells its labels otherwise
            labels = getattr(collector, "_labelnames", ()) or getattr(family, "_labelnames", ())
            if family.type == "info":
                labels = sorted(
                    {label for sample in collector.collect() for one in sample.samples for label in one.labels}
                )
            suffix = {"counter": "_total", "info": "_info"}.get(family.type, "")
            yield family.name + suffix, family.type, tuple(labels), family.documentation


def _declare(part: str, registry: CollectorRegistry) -> None:
    """Everything that a component registers."""
    from kronstream import vitals

    vitals.introduce(registry)
    {
        "operator": _declare_operator,
        "router": _declare_router,
        "worker": _declare_worker,
        "api": _declare_api,
        "runs-apiserver": _declare_runs,
        "webhook": _declare_webhook,
    }[part](registry)


def _declare_operator(registry: CollectorRegistry) -> None:
    from kronstream.controller.measures import Measures
    from kronstream.controller.roster import Roster
    from kronstream.controller.storeview import StoreView
    from kronstream.testing import FixedClock, MemoryCounting, MemoryLedger, MemoryQueues, MemoryStore

    store = MemoryStore(FixedClock(0))
    Measures(registry)
    StoreView(Roster(), MemoryLedger(store), MemoryQueues(store), MemoryCounting(store), registry)


def _declare_router(registry: CollectorRegistry) -> None:
    from kronstream.events.measures import Measures

    Measures(registry)


def _declare_worker(registry: CollectorRegistry) -> None:
    from kronstream.ports import WorkerCard
    from kronstream.vitals import RedisVitals
    from kronstream.worker.exposition import Exposition, Statistics

    registry.register(Exposition(Statistics(WorkerCard("", "", {}, ()))))
    RedisVitals(registry)


def _declare_api(registry: CollectorRegistry) -> None:
    from kronstream.api.measures import Measures
    from kronstream.vitals import CertificateVitals, RedisVitals, WatchVitals

    Measures(registry)
    RedisVitals(registry)
    WatchVitals(registry)
    CertificateVitals(registry)


def _declare_runs(registry: CollectorRegistry) -> None:
    from kronstream.runsapi.measures import Measures
    from kronstream.vitals import CertificateVitals

    Measures(registry)
    CertificateVitals(registry)


def _declare_webhook(registry: CollectorRegistry) -> None:
    from kronstream.admission.measures import Measures
    from kronstream.vitals import CertificateVitals

    Measures(registry)
    CertificateVitals(registry)


def table() -> str:
    """The table as Markdown."""
    lines = ["| metric | type | labels | of | meaning |", "|---|---|---|---|---|"]
    for row in rows():
        of = "all" if row.parts == PARTS else ", ".join(row.parts)
        labels = ", ".join(f"`{label}`" for label in row.labels)
        meaning = row.meaning.rstrip(".").replace("|", "\\|")
        lines.append(f"| `{row.name}` | {row.kind} | {labels} | {of} | {meaning} |")
    return "\n".join(lines) + "\n"


def inserted(page: str) -> str:
    """A page with the table between its marks. Raises ValueError for one without."""
    if page.count(BEGIN) != 1 or page.count(END) != 1:
        raise ValueError(f"the page needs {BEGIN.strip()} and {END.strip()}, each once")
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}"


@click.command()
@click.option("--write", type=click.Path(dir_okay=False, path_type=Path), help="Write it into this page.")
@click.option("--check", type=click.Path(dir_okay=False, path_type=Path), help="Compare this page with it; exit 1.")
def metric_table(write: Path | None, check: Path | None) -> None:
    """Print the table of all metrics, write it into a page, or check a page that holds it."""
    if write is not None:
        write.write_text(inserted(write.read_text(encoding="utf-8")), encoding="utf-8")
    elif check is not None:
        page = check.read_text(encoding="utf-8")
        if inserted(page) != page:
            click.echo(f"{check} does not tell the metrics that there are; write it with: make manifests", err=True)
            sys.exit(1)
    else:
        click.echo(table(), nl=False)


if __name__ == "__main__":
    metric_table()
