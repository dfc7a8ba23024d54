"""``python -m benchmarks [cron] [due] [latency] [events] [doors] [workers] [peers]``: all of them by default."""

import sys

from benchmarks import against, cron, doors, due, events, latency, workers
from benchmarks.entrants import PeerFailed

ALL = {
    "cron": cron.main,
    "due": due.main,
    "latency": latency.main,
    "events": events.main,
    "doors": doors.main,
    "workers": workers.main,
    "peers": against.main,
}

if __name__ == "__main__":
    wanted = sys.argv[1:] or list(ALL)
    unknown = [name for name in wanted if name not in ALL]
    if unknown:
        sys.exit(f"no benchmark {', '.join(unknown)}; there are {', '.join(ALL)}")
    for name in wanted:
        try:
            ALL[name]()
        except PeerFailed as failed:
            sys.exit(f"the benchmark {name} cannot be told without every peer. {failed}")
