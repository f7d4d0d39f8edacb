"""What a host name or address says about who can reach it."""

from __future__ import annotations

import ipaddress


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
