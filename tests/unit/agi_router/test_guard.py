"""The network guard: public addresses and named networks, nothing else."""

import socket
from ipaddress import ip_network

import pytest

from agi_router.lookup.guard import NetworkDeniedError, NetworkGuard


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_are_permitted(address: str) -> None:
    assert NetworkGuard().permits(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.0.8",
        "192.0.0.9",
        "192.88.99.1",
        "0.0.0.0",
        "255.255.255.255",
        "224.0.0.1",
        "239.255.255.250",
        "::1",
        "::",
        "::ffff:127.0.0.1",
        "::ffff:a9fe:a9fe",
        "fe80::1%lo",
        "fc00::1",
        "ff0e::1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "fec0::1",
        "::127.0.0.1",
        "::ffff:0:127.0.0.1",
        "5f00::1",
        "4000::1",
        "3fff::1",
        "2002:7f00:1::",
        "2001:0:1::1",
    ],
)
def test_addresses_behind_which_our_own_network_may_stand_are_denied(address: str) -> None:
    assert not NetworkGuard().permits(address)


def test_a_named_network_is_permitted_and_its_neighbour_is_not() -> None:
    guard = NetworkGuard((ip_network("10.1.0.0/16"), ip_network("fd00::/8")))
    assert [guard.permits(a) for a in ("10.1.9.9", "::ffff:10.1.9.9", "fd00::1", "10.2.0.1")] == [
        True,
        True,
        True,
        False,
    ]


def test_no_socket_is_made_for_a_denied_address() -> None:
    with pytest.raises(NetworkDeniedError):
        NetworkGuard().socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 80)))
