"""``python -m benchmarks [cron] [due] [throughput]``: all of them by default."""

import sys

from benchmarks import cron, due, throughput

ALL = {"cron": cron.main, "due": due.main, "throughput": throughput.main}

if __name__ == "__main__":
    wanted = sys.argv[1:] or list(ALL)
    unknown = [name for name in wanted if name not in ALL]
    if unknown:
        sys.exit(f"no benchmark {', '.join(unknown)}; there are {', '.join(ALL)}")
    for name in wanted:
        ALL[name]()
