"""`make soak`: SOAK_SECONDS (600), SEED (random), SOAK_RATE (1: about 220 runs a second), SOAK_FOLDER (kept)."""

from __future__ import annotations

import asyncio
import os
import random
import sys
import tempfile
import time
from pathlib import Path

from soak.audit import faults
from soak.flatness import leaks
from soak.report import report
from soak.trial import Plan, Trial

SHOWN = 60


def main() -> int:
    """Soak, print the table and what is wrong; answers the exit code."""
    plan = Plan(
        float(os.environ.get("SOAK_SECONDS") or 600),
        int(os.environ.get("SEED") or random.randrange(10**6)),
        float(os.environ.get("SOAK_RATE") or 1),
    )
    folder = Path(os.environ.get("SOAK_FOLDER") or tempfile.mkdtemp(prefix="kronstream-soak-"))
    folder.mkdir(parents=True, exist_ok=True)
    print(
        f"soaking for {plan.seconds:g} s at {plan.scale:g} times the usual rate; SEED={plan.seed}; {folder}", flush=True
    )
    trial = Trial(folder, plan)
    began = time.monotonic()
    found = asyncio.run(trial.run())
    wrong = [*faults(found), *leaks(found)]
    print(report(found))
    print(f"this process was late by {trial.lag:.2f} s at most; all took {time.monotonic() - began:.0f} s")
    print(
        f"Redis lost {trial.server.cut} bytes of its last second; {trial.dispatched_again} jobs were dispatched again"
    )
    for fault in wrong[:SHOWN]:
        print(f"WRONG: {fault[:2000]}")
    print(f"{len(wrong)} faults" if wrong else "nothing is wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
