"""Ports for the parts of a control plane."""

from kronstream.dev.loopback import free_ports, is_free


def test_ports_are_free_different_and_not_those_of_outgoing_connections() -> None:
    ports = free_ports(50)

    assert len(set(ports)) == 50
    assert all(is_free(port) and port < 32768 for port in ports)


def test_the_same_ports_are_taken_again() -> None:
    ports = free_ports(4)

    assert free_ports(4, ports) == ports
