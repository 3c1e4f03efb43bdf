"""Where a request comes from: the client's address behind proxies that we trust, and the network that it counts for."""

from collections.abc import Collection, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_HOST_BITS: Final = 64
"""Of IPv6, a household has a /64 at least, and all addresses of it at will."""


def client_address(peer: str, forwarded_for: Sequence[str], trusted: Collection[Network]) -> str:
    """Tell the address of a client; "" where the peer has none.

    Args:    forwarded_for the X-Forwarded-For headers in their order; each proxy appends the address it saw, so what
             is left of the last address that no trusted proxy has could have been made up by the client.
    Returns: the peer's own address where it is no trusted proxy, or a header cannot be read.
    """
    try:
        last = _parsed(peer)
        for text in reversed(",".join(forwarded_for).split(",") if forwarded_for else []):
            if not _is_within(last, trusted):
                break
            last = _parsed(text.strip())
    except ValueError:
        return peer
    return str(last)


def network_of(address: str) -> str:
    """The network whose addresses count as one client's: of IPv6 the /64, otherwise the address itself."""
    try:
        parsed = _parsed(address)
    except ValueError:
        return address
    return str(ip_network((parsed, _HOST_BITS), strict=False) if isinstance(parsed, IPv6Address) else parsed)


def _parsed(text: str) -> Address:
    """Read an address; one of IPv4 that is written as IPv6 is one of IPv4. Raises: ValueError."""
    address = ip_address(text.partition("%")[0])  # without the interface, which is known to its host alone
    return (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address


def _is_within(address: Address, networks: Collection[Network]) -> bool:
    return any(address in network for network in networks)
