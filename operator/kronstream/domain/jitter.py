"""How long a run waits after its nominal time, so that jobs due together do not start together.

The delay is a hash of the job and the nominal instant: a preview without a cluster shows it, every replica agrees,
and the nominal time, which is the run's identity, stays as it is.
"""

from hashlib import blake2b

from kronstream.domain import duration
from kronstream.domain.schedule import Schedule, said

# how many of the next instants are looked at for the shortest distance
LOOKS = 50


def delay(identity: str, nominal: int, jitter: int, following: int | None) -> int:
    """Milliseconds from 0 to ``jitter``, both included, that end before the ``following`` nominal instant.

    ``identity`` is ``namespace/name``. Equal arguments give the same delay; order is kept, for a run starts at or
    after its nominal instant and before the next one.
    """
    longest = jitter if following is None else min(jitter, following - nominal - 1)
    digest = blake2b(f"{identity}@{nominal}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) % (longest + 1)


def check(schedule: Schedule, jitter: int, start: int) -> None:
    """Raises ValueError when ``jitter`` is longer than the shortest distance of the instants that follow ``start``.

    The next ``LOOKS`` instants are judged; where later ones come closer, ``delay`` keeps to what there is.
    """
    shortest: int | None = None
    nearest, at = start, schedule.after(start)
    for _ in range(LOOKS):
        following = None if at is None else schedule.after(at)
        if at is None or following is None:
            break
        if shortest is None or following - at < shortest:
            shortest, nearest = following - at, at
        at = following
    if shortest is not None and shortest < jitter:
        raise ValueError(
            f"{duration.render(jitter)} is longer than the {duration.render(shortest)} from {said(nearest)} to the "
            f"next instant; write at most {duration.render(shortest)}"
        )
