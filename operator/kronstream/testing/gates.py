"""Gates: how many runs of a queue, a function or a key execute at a time, and begin in a time (``gates.lua``)."""

import math
from collections.abc import Iterable

from kronstream.domain.limits import Gate
from kronstream.domain.run import State
from kronstream.testing.model import Run
from kronstream.testing.store import RECHECK, MemoryStore


def has_room(store: MemoryStore, members: set[str], most: int) -> bool:
    """Whether a set of runs has a free slot; records that went without a word free theirs."""
    if len(members) >= most:
        for key in list(members):
            run = store.run(key)
            if run is None or run.state.terminal:
                members.discard(key)
    return len(members) < most


def look_at(store: MemoryStore, name: str) -> None:
    """Let as many of a gate's line go on as it has room for."""
    while True:
        most = store.gate_limits.get(name)
        full = most is not None and not has_room(store, store.gates[name], most)
        if full or not _open(store, name):
            return


def leave(store: MemoryStore, run: Run) -> None:
    """A run begins no longer, or executes no longer: others may."""
    if run.gate_line and run.id in store.gate_lines[run.gate_line]:
        store.gate_lines[run.gate_line].remove(run.id)
    run.gate_line = None
    held, run.gates = run.gates, ()
    for name in held:
        if run.id in store.gates[name]:
            store.gates[name].discard(run.id)
            if not _open(store, name) and name.startswith("q/"):
                store.wake(name.removeprefix("q/"))


def free_of(store: MemoryStore, queue: str, gate: Gate | None, slots: int) -> int:
    """How many of a queue's runs may begin now."""
    if gate is None:
        return slots
    if gate.max is not None:
        has_room(store, store.gates[gate.name], gate.max)
        slots = min(slots, gate.max - len(store.gates[gate.name]))
    if gate.count is not None and gate.per is not None:
        interval = gate.per / gate.count
        ahead = max(store.paces[gate.name], store.now) - store.now
        slots = min(slots, math.floor((gate.count * interval - ahead) / interval + 0.001))
        if slots <= 0:
            store.paced.add(queue)
    return slots


def begin(store: MemoryStore, run: Run, gate: Gate) -> None:
    """A run of a queue begins: it counts."""
    run.gates = (gate.name, *run.gates)
    if gate.max is not None:
        store.gates[gate.name].add(run.id)
    _reserve(store, gate)


def holds_up(store: MemoryStore, run: Run, gates: Iterable[Gate]) -> bool:
    """Set a run aside until its gates let it begin; False when they do."""
    gates = tuple(gates)
    if not gates:
        return False
    return _waits_for_its_time(store, run, gates) or _waits_for_a_slot(store, run, gates)


def _waits_for_its_time(store: MemoryStore, run: Run, gates: tuple[Gate, ...]) -> bool:
    if run.not_before is not None:
        return False
    instants = [_reserve(store, gate) for gate in gates if gate.count is not None]
    run.not_before = max((math.ceil(at) for at in instants), default=None)
    if run.not_before is None or run.not_before <= store.now:
        return False
    store.withdraw(run)
    store.unfinished[run.id] = run.not_before
    return True


def _waits_for_a_slot(store: MemoryStore, run: Run, gates: tuple[Gate, ...]) -> bool:
    names: list[str] = []
    for gate in gates:
        if gate.max is None:
            continue
        names.append(gate.name)
        members, line = store.gates[gate.name], store.gate_lines[gate.name]
        if run.id not in members and (line or not has_room(store, members, gate.max)):
            # what it had of others goes to others: who waits holds nothing
            run.gates = tuple(names)
            leave(store, run)
            store.withdraw(run)
            line.append(run.id)
            run.gate_line = gate.name
            store.gate_limits[gate.name] = gate.max
            store.unfinished[run.id] = store.now + RECHECK
            return True
    for name in names:
        store.gates[name].add(run.id)
    run.gates = tuple(names)
    return False


def _open(store: MemoryStore, name: str) -> bool:
    line = store.gate_lines[name]
    while line:
        run = store.run(line.pop(0))
        if run and run.state is State.QUEUED:
            run.gate_line, run.gates = None, (name,)
            store.gates[name].add(run.id)
            store.enqueue(run)
            return True
    store.gate_limits.pop(name, None)
    return False


def _reserve(store: MemoryStore, gate: Gate) -> float:
    if gate.count is None or gate.per is None:
        return store.now
    interval = gate.per / gate.count
    next_free = max(store.paces[gate.name], store.now)
    store.paces[gate.name] = next_free + interval
    return max(store.now, next_free - (gate.count - 1) * interval)
