"""The address of a client behind proxies, and the network that it counts for."""

from ipaddress import ip_network

import pytest

from auth.addresses import client_address, network_of

PROXIES = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]
PROXY, CLIENT = "10.0.0.1", "203.0.113.7"


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "address"),
    [
        (CLIENT, [], CLIENT),
        (PROXY, [], PROXY),
        (PROXY, [CLIENT], CLIENT),
        (PROXY, [f"{CLIENT}, 10.0.0.2"], CLIENT),
        (PROXY, [f"198.51.100.1, {CLIENT}, 10.0.0.2"], CLIENT),  # the client made up what is left of it
        (PROXY, ["198.51.100.1", CLIENT], CLIENT),  # a header in two lines is one
        (PROXY, [f"nonsense, {CLIENT}"], CLIENT),
        (PROXY, ["10.0.0.3,10.0.0.2"], "10.0.0.3"),
        (PROXY, ["2001:db8::1"], "2001:db8::1"),
        ("fd00::1", ["2001:DB8:0::1"], "2001:db8::1"),
        ("::ffff:10.0.0.1", [CLIENT], CLIENT),
        (PROXY, [f"::ffff:{CLIENT}"], CLIENT),
        ("fe80::1%eth0", [], "fe80::1"),
        ("", [CLIENT], ""),
    ],
)
def test_address_is_the_last_that_no_trusted_proxy_has(peer, forwarded_for, address):
    assert address == client_address(peer, forwarded_for, PROXIES)


@pytest.mark.parametrize("forwarded_for", [[CLIENT], ["127.0.0.1"], ["nonsense"]])
@pytest.mark.parametrize("trusted", [[], PROXIES])
def test_header_of_a_peer_that_is_not_trusted_says_nothing(forwarded_for, trusted):
    assert "198.51.100.1" == client_address("198.51.100.1", forwarded_for, trusted)


@pytest.mark.parametrize(
    "text", ["", "nonsense", "unknown", "203.0.113", f"{CLIENT},", f"{CLIENT}:80", '"2001:db8::1"']
)
def test_header_that_cannot_be_read_leaves_the_peers_address(text):
    assert PROXY == client_address(PROXY, [text], PROXIES)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_network_of_ipv6_is_64_bits_and_of_ipv4_the_address(address, network):
    assert network == network_of(address)
