"""Whose address is believed: that of the connection, and what trusted proxies say of the one before them.

``X-Forwarded-For`` grows from left to right, each proxy appending the address it was called from. So it is read from the right,
as far as the proxies in front of Weir are known; everything left of the first unknown address was typed by the caller.
https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/X-Forwarded-For
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def networks(given: Iterable[str]) -> tuple[Network, ...]:
    """Read addresses and networks (CIDR). Raises ValueError naming the one that is neither."""
    return tuple(ip_network(text.strip(), strict=False) for text in given if text.strip())


def client_address(peer: str, *, forwarded: str, trusted: Sequence[Network]) -> str:
    """Return the address of the caller: the last one that is no trusted proxy, by the word of those behind it.

    ``peer`` is the address of the connection, ``forwarded`` the value of ``X-Forwarded-For``. An entry that is no address ends
    the chain: the proxy that handed it on is then the last one known. Without an address of the connection (a socket file)
    nobody is known, and the answer is empty.
    """
    known = read_address(peer)
    if known is None:
        return ""
    for entry in reversed(forwarded.split(",")):
        if not is_trusted(known, trusted=trusted):
            break
        before = read_address(entry)
        if before is None:
            break
        known = before
    return str(known)


def is_trusted(address: Address, *, trusted: Sequence[Network]) -> bool:
    """Say whether the address is one of the proxies in front of Weir."""
    return any(address in network for network in trusted)


def read_address(text: str) -> Address | None:
    """Read ``192.0.2.7``, ``192.0.2.7:4711``, ``2001:db8::7`` or ``[2001:db8::7]:4711``; None for anything else.

    An IPv4 address written as IPv6 is the IPv4 address; a zone (``%eth0``) is left out.
    """
    host = text.strip()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
