"""Ports for the parts of a control plane."""

import subprocess
import sys

import pytest

from kronstream.dev import loopback
from kronstream.dev.loopback import free_ports, is_free

CHOOSES = "from kronstream.dev.loopback import free_ports; print(*free_ports(300)); input()"


def test_ports_are_free_different_and_not_those_of_outgoing_connections() -> None:
    ports = free_ports(50)

    assert len(set(ports)) == 50
    assert all(is_free(port) and port < 32768 for port in ports)


def test_the_same_ports_are_taken_again() -> None:
    ports = free_ports(4)

    assert free_ports(4, ports) == ports


def test_what_was_chosen_and_is_not_listened_on_yet_is_not_chosen_again() -> None:
    assert len({port for _ in range(500) for port in free_ports(1)}) == 500


def test_no_other_process_chooses_the_same() -> None:
    others = [
        subprocess.Popen([sys.executable, "-c", CHOOSES], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    lines = [other.stdout.readline() if other.stdout else "" for other in others]
    for other in others:
        other.communicate("\n")
    chosen = [*free_ports(300), *(int(port) for line in lines for port in line.split())]

    assert len(set(chosen)) == len(chosen) == 1200


def test_a_forked_process_chooses_others() -> None:
    # one after the other: two that write at once may write into each other
    choose = "f(1); child = os.fork(); child and os.wait(); print(*f(100), flush=True)"
    program = f"import os; from kronstream.dev.loopback import free_ports as f; {choose}"
    both = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()

    assert len(set(both)) == len(both) == 200


def test_without_a_slice_of_its_own_a_process_chooses_from_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loopback, "_hold", lambda _: None)
    loopback._slice.cache_clear()
    try:
        assert len(set(free_ports(50))) == 50
    finally:
        loopback._slice.cache_clear()
