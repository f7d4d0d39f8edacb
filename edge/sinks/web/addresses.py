"""What a host name or address says about who can reach it."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress


def address_of(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that this text is; None: it is a name, or nothing at all."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    """Whether this name or address can only be reached from this machine."""
    address = address_of(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def outward_addresses() -> Iterator[str]:
    """Those of this machine that lead out of it, at most one of each version of IP."""
    # Documentation's own networks (RFC 5737, RFC 3849): nothing is sent, a route is looked up.
    for family, there in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((there, 9))
            yield probe.getsockname()[0]


def names_of_this_machine() -> Sequence[str]:
    """Its host name, with and without ``.local``, and its addresses."""
    name = socket.gethostname().lower()
    here = {"localhost", "127.0.0.1", "::1", name, f"{name}.local"}
    return sorted(here.union(outward_addresses()))
