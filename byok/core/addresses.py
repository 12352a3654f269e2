"""Which network addresses a provider may be reached at. Knows numbers and spellings only, and asks no name server.

Refuses by tables of its own: Python's `is_global` calls multicast, translated and tunnelled addresses global, and its
`is_private` misses the shared range 100.64.0.0/10.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Literal

Reach = Literal["public", "private", "never"]
Networks = Sequence[IPv4Network | IPv6Network]

# Machines of one's own: reached where the provider's row says so.
_PRIVATE: Networks = (
    *map(IPv4Network, ("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")),
    IPv4Network("198.18.0.0/15"),
    IPv6Network("::1/128"),
    IPv6Network("fc00::/7"),
)
# Where no provider is: nowhere, everybody, this very link, documentation, tunnels that hide another address.
_NEVER: Networks = (
    *map(IPv4Network, ("0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4")),
    *map(IPv4Network, ("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.51.100.0/24", "203.0.113.0/24")),
    *map(IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")),
    # Outside those ranges, where clouds hand a machine's own credentials to whoever asks from it.
    *map(ip_network, ("100.100.100.200/32", "168.63.129.16/32", "fd00:ec2::254/128", "fd20:ce::254/128")),
)
_UNICAST = IPv6Network("2000::/3")  # of IPv6, all that is handed out to anybody
_NAT64 = IPv6Network("64:ff9b::/96")

_PLAIN_URL = re.compile(
    r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?(?:/[a-z0-9._~/-]*)?", re.IGNORECASE | re.ASCII
)
_OWN_NAMES = ("localhost", "local", "internal", "lan", "home.arpa")
_SET_IT = "set private_network = true if that is meant"


def reach_of(address: str) -> Reach:
    """How far an address is: of the open internet, of a private network, or one where no provider is.

    Args:
        address: as `getaddrinfo` gives it; one with a zone, or that is none, is `never`.
    """
    try:
        number = ip_address(address)
    except ValueError:
        return "never"
    if isinstance(number, IPv6Address):
        if number.scope_id is not None:
            return "never"
        number = _inner(number) or number
    if _among(_NEVER, number):
        return "never"
    if _among(_PRIVATE, number):
        return "private"
    return "public" if isinstance(number, IPv4Address) or number in _UNICAST else "never"


def may_reach(address: str, *, private: bool) -> bool:
    """Whether a connection may be made to the address.

    Args:
        private: whether the provider's row says `private_network = true`.
    """
    reach = reach_of(address)
    return reach == "public" or (private and reach == "private")


def is_plain_url(url: str) -> bool:
    """Whether a URL is spelt so that every parser finds the same host in it: no user, no escapes, no query."""
    return _PLAIN_URL.fullmatch(url) is not None


def fault_of_host(host: str, *, private: bool) -> str | None:
    """What speaks against the host of a base URL before its name is looked up; None where nothing does.

    Args:
        host: as `urlsplit(url).hostname` gives it.
        private: whether the provider's row says `private_network = true`.
    """
    name = host.rstrip(".").lower()
    try:
        ip_address(name)
    except ValueError:
        last = name.rpartition(".")[2]
        if last.isdecimal() or re.fullmatch(r"0x[0-9a-f]*", last):
            return "is an odd spelling of a number; write a name, or all four parts of the number"
        own = any(name == one or name.endswith(f".{one}") for one in _OWN_NAMES)
        return f"is a private name; {_SET_IT}" if own and not private else None
    reach = reach_of(name)
    if reach == "never":
        return "is an address where no provider is"
    if private:
        return None
    return f"is a private address; {_SET_IT}" if reach == "private" else "is a number; write the provider's name"


def _inner(number: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that is asked in truth: the mapped one, or the one behind a NAT64 gateway."""
    return IPv4Address(int(number) & 0xFFFFFFFF) if number in _NAT64 else number.ipv4_mapped


def _among(networks: Networks, number: IPv4Address | IPv6Address) -> bool:
    return any(number.version == one.version and number in one for one in networks)
