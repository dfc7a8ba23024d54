"""Makes a process with this folder on its PYTHONPATH one of the next version of the data format: it writes a higher
version, and fields that this one does not know in work, entries, records and cards, and plans by a higher engine.
"""

import json
import sys
from functools import lru_cache

from kronstream.domain import work
from kronstream.ports import WorkerCard
from kronstream.streams import runqueue, scripts

NOVELTY = {"since": "next"}
CHANGES = (
    ("'v', '1', 'run', id", "'v', '2', 'novelty', 'x', 'run', id"),
    ("'st', 'queued', 'eid', eid)", "'st', 'queued', 'eid', eid, 'novelty', '1')"),
    ("local READ = 2", "local READ = 3"),
)

dump, source, asdict = work.Work.dump, scripts.source, runqueue.asdict


def newer_dump(self: work.Work) -> str:
    raw = json.loads(dump(self))
    raw["novelty"] = raw["retry"]["novelty"] = NOVELTY
    return json.dumps(raw)


@lru_cache(maxsize=64)
def newer_source(name: str) -> str:
    text = source(name)
    for before, after in CHANGES:
        text = text.replace(before, after)
    return text


def newer_asdict(one: object) -> dict[str, object]:
    return {**asdict(one), **({"novelty": NOVELTY} if isinstance(one, WorkerCard) else {})}


work.VERSION += 1
work.Work.dump = newer_dump
scripts.source = newer_source
runqueue.asdict = newer_asdict
if "operator" in sys.orig_argv:
    from kronstream.controller import job

    job.REVISION = f"{job.ENGINE + 1:04d}.{job.TZ_VERSION}"
