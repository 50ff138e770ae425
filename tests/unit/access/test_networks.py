"""Networks, and where a request behind proxies came from."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app.access.networks import (
    EVERYWHERE,
    LOOPBACK,
    Address,
    NoAddressError,
    address,
    client_address,
    contains,
    network,
)

PROXIES = (network("10.0.0.0/24"), network("2001:db8:ffff::/64"))
PROXY = "10.0.0.7"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("192.0.2.7", "192.0.2.7/32"),
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("2001:db8::1", "2001:db8::1/128"),
        ("::ffff:192.0.2.7", "192.0.2.7/32"),
        ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
    ],
)
def test_a_bare_address_is_a_network_of_its_own_and_a_mapped_one_is_that_of_ipv4(written: str, meant: str) -> None:
    assert network(written) == ip_network(meant)


def test_a_network_with_host_bits_is_refused_and_told_as_it_was_meant() -> None:
    with pytest.raises(ValueError, match=r"has host bits set.*10\.1\.2\.0/24"):
        network("10.1.2.3/24")
    with pytest.raises(ValueError, match=r"is not a network.*10\.0\.0\.0/8"):
        network("office")


def test_an_empty_list_lets_nobody_in() -> None:
    assert not contains((), ip_address("127.0.0.1"))
    assert contains(LOOPBACK, address("::ffff:127.0.0.1"))
    assert contains(EVERYWHERE, ip_address("2001:db8::1"))


@pytest.mark.parametrize("peer", ["192.0.2.1", "10.0.1.7", "::1"])
def test_whoever_is_no_trusted_proxy_is_not_believed(peer: str) -> None:
    assert client_address(peer, ["127.0.0.1"], PROXIES) == ip_address(peer)
    assert client_address(PROXY, ["127.0.0.1"], ()) == ip_address(PROXY)


@pytest.mark.parametrize(
    ("headers", "came_from"),
    [
        (["192.0.2.9"], "192.0.2.9"),
        (["192.0.2.9:4711"], "192.0.2.9"),
        (["2001:db8::9"], "2001:db8::9"),
        (["[2001:db8::9]"], "2001:db8::9"),
        (["[2001:db8::9]:443"], "2001:db8::9"),
        (["::ffff:192.0.2.9"], "192.0.2.9"),
        (["127.0.0.1, 192.0.2.9"], "192.0.2.9"),
        (["127.0.0.1", "192.0.2.9"], "192.0.2.9"),
        (["127.0.0.1", "192.0.2.9, 10.0.0.8"], "192.0.2.9"),
        (["192.0.2.9,10.0.0.8", "2001:db8:ffff::1"], "192.0.2.9"),
        (["rubbish, 192.0.2.9"], "192.0.2.9"),
        (["10.0.0.9"], "10.0.0.9"),
    ],
)
def test_a_chain_is_walked_from_the_right_to_the_first_untrusted_address(headers: list[str], came_from: str) -> None:
    assert client_address(PROXY, headers, PROXIES) == ip_address(came_from)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [""],
        ["unknown"],
        ["192.0.2.9,"],
        ["192.0.2.9:"],
        ["192.0.2.9:x"],
        ["192.0.2.9:²"],
        ["[2001:db8::9"],
        ["[2001:db8::9]x"],
        ["[2001:db8::9]:"],
        ["fe80::1%eth0"],
        ["192.0.2.9 10.0.0.8"],
        ["192.0.2.9, unknown, 10.0.0.8"],
        ["localhost"],
        ["010.0.0.1"],
    ],
)
def test_what_a_trusted_proxy_must_not_say_is_no_address(headers: list[str]) -> None:
    with pytest.raises(NoAddressError, match=r"the trusted proxy 10\.0\.0"):
        client_address(PROXY, headers, PROXIES)


@pytest.mark.parametrize("peer", ["", "/run/agi-router.sock", "testclient"])
def test_a_connection_without_an_ip_address_is_from_nowhere(peer: str) -> None:
    with pytest.raises(NoAddressError, match="no IP address"):
        client_address(peer, ["192.0.2.9"], PROXIES)


def test_the_interface_of_a_link_local_peer_is_no_part_of_its_address() -> None:
    assert client_address("fe80::1%eth0", [], ()) == ip_address("fe80::1")


ADDRESSES = st.ip_addresses().map(lambda one: address(str(one)))
OUTSIDE = ADDRESSES.filter(lambda one: not contains(PROXIES, one))
TRUSTED = st.one_of(st.ip_addresses(network="10.0.0.0/24"), st.ip_addresses(network="2001:db8:ffff::/64"))


@given(client=OUTSIDE, chain=st.lists(TRUSTED, min_size=1, max_size=5), lies=st.lists(st.text(), max_size=5))
def test_no_lie_of_a_client_moves_it_elsewhere(client: Address, chain: list[Address], lies: list[str]) -> None:
    """Each proxy has appended the address that it saw, to what the client has sent itself."""
    peer = str(chain[-1])
    told = [*lies, str(client), *map(str, chain[:-1])]
    assert client_address(peer, [", ".join(told)], PROXIES) == client
    assert client_address(peer, told, PROXIES) == client, "as many headers of one entry each"
    assert client_address(str(client), told, PROXIES) == client, "around the proxies"


@given(peer=st.text(), headers=st.lists(st.text()))
def test_whatever_is_sent_it_is_an_address_or_none(peer: str, headers: list[str]) -> None:
    for source in (peer, PROXY):
        try:
            told = client_address(source, headers, PROXIES)
        except NoAddressError:
            continue
        assert told == address(str(told))
