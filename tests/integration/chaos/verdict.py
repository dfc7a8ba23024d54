"""What a trial must have come to."""

from integration.chaos.audit import Account, accounts, faults, quiet_faults, worst_lateness
from integration.chaos.metronome import Metronome
from integration.chaos.trial import Trial

LATE = 1_000  # ms, while one operator lives


def audited(trial: Trial, *apart: str, lost_at: int = 0) -> list[Account]:
    """The accounts of a trial that ends here: nothing is wrong with them, and no log tells of an error.

    Of the jobs named in `apart`, whose schedule or identity changed, only the quiet end is looked at. `lost_at` is
    when (ms) an older copy of Redis came back.
    """
    trial.settle()
    found = accounts(trial)
    usual = [account for account in found if account.name not in apart]
    peculiar = [account for account in found if account.name in apart]
    wrong = [*faults(trial, usual, lost_at), *quiet_faults(trial, peculiar, lost_at)]
    nothing_wrong([*wrong, *trial.site.complaints()])
    return found


def nothing_wrong(found: list[str]) -> None:
    assert not found, "\n".join(["", *found])


def doubled(found: list[Account]) -> list[str]:
    """Runs whose handlers were called more often than the record has attempts."""
    return [run for account in found for run in account.doubled]


def skipped(found: list[Account], *reasons: str) -> dict[str, dict[str, int]]:
    """By job, what was skipped for one of these reasons."""
    told = {account.name: account.job["status"].get("skipped", {}) for account in found}
    chosen = {name: {reason: told[name][reason] for reason in reasons if reason in told[name]} for name in told}
    return {name: counts for name, counts in chosen.items() if counts}


def in_time(found: list[Account], since: int, until: int, metronome: Metronome) -> None:
    """No run was dispatched more than a second late, beyond what the machine itself was late."""
    late, which = worst_lateness(found, since, until)
    machine = metronome.late(since, until)
    print(f"worst lateness {late} ms ({which}); the machine's own {machine:.0f} ms")
    assert late <= LATE + machine, f"{which} was {late} ms late, the machine itself {machine:.0f} ms"
