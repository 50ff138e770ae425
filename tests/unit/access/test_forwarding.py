"""Forwarded (RFC 7239): from what proxies write and clients make up, the address that the proxy saw."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app.access.forwarding import ProxyHeader, entries
from ari_app.access.networks import Address, NoAddressError, address, client_address, contains, network

PROXIES = (network("10.0.0.0/24"),)
PROXY = "10.0.0.7"
FORWARDED = ProxyHeader.FORWARDED


@pytest.mark.parametrize(
    ("headers", "came_from"),
    [
        (["for=192.0.2.60;proto=http;by=203.0.113.43"], "192.0.2.60"),  # section 4 of the RFC
        (['For="[2001:db8:cafe::17]:4711"'], "2001:db8:cafe::17"),
        (["for=192.0.2.43, for=198.51.100.17"], "198.51.100.17"),
        (['for="192.0.2.43:47011"'], "192.0.2.43"),
        (["by=203.0.113.43 ; FOR=192.0.2.43"], "192.0.2.43"),
        (['host="a, for=10.0.0.9; \\"b";for=192.0.2.43'], "192.0.2.43"),
        (['for="\\192.0.2.43"'], "192.0.2.43"),
        (["for=127.0.0.1", "for=192.0.2.43, for=10.0.0.8"], "192.0.2.43"),
        (["for=unknown, for=_hidden, for=192.0.2.43"], "192.0.2.43"),
        (['for="', "for=192.0.2.43"], "192.0.2.43"),
        (['for="[::ffff:192.0.2.43]"'], "192.0.2.43"),
    ],
)
def test_the_last_untrusted_address_is_that_of_the_client(headers: list[str], came_from: str) -> None:
    assert client_address(PROXY, headers, PROXIES, FORWARDED) == address(came_from)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [""],
        ["192.0.2.43"],
        ["for=unknown"],
        ["for=_hidden"],
        ["for="],
        ["proto=https"],
        ["for=192.0.2.43;for=127.0.0.1"],
        ["for=192.0.2.43,"],
        ["for=192.0.2.43;"],
        ["for=2001:db8::1"],
        ['for="192.0.2.43'],
        ['for="127.0.0.1, for=192.0.2.43'],
        ["for = 192.0.2.43"],
        ["for=192.0.2.43 for=127.0.0.1"],
        ['for="192.0.2.43:_port"'],
        ["for=192.0.2.9, for=unknown, for=10.0.0.8"],
    ],
)
def test_what_names_no_address_comes_from_nowhere(headers: list[str]) -> None:
    with pytest.raises(NoAddressError, match=r"the trusted proxy 10\.0\.0.*Forwarded"):
        client_address(PROXY, headers, PROXIES, FORWARDED)


def test_whoever_is_no_trusted_proxy_is_not_believed() -> None:
    assert client_address("192.0.2.1", ["for=127.0.0.1"], PROXIES, FORWARDED) == address("192.0.2.1")


ADDRESSES = st.ip_addresses().map(lambda one: address(str(one)))
OUTSIDE = ADDRESSES.filter(lambda one: not contains(PROXIES, one))
HOSTILE = st.text(st.sampled_from('for=";,\\ []:.127x_')) | st.text()


def written(one: Address) -> str:
    return f"for={one}" if one.version == 4 else f'for="[{one}]"'


@given(client=OUTSIDE, lies=st.lists(HOSTILE, max_size=5))
def test_no_lie_of_a_client_moves_it_elsewhere(client: Address, lies: list[str]) -> None:
    """The proxy appends to the client's header, or adds one of its own; what it has spoilt is from nowhere."""
    told = written(client)
    assert client_address(PROXY, [*lies, told], PROXIES, FORWARDED) == client
    try:
        assert client_address(PROXY, [", ".join([*lies, told])], PROXIES, FORWARDED) == client
    except NoAddressError:
        assert lies


@given(values=st.lists(HOSTILE))
def test_each_header_has_an_entry_at_least(values: list[str]) -> None:
    for header in ProxyHeader:
        assert len(entries(header, values)) >= len(values)
