"""How often somebody may try a password."""

from __future__ import annotations

import ipaddress
import threading
from collections import OrderedDict
from dataclasses import dataclass, replace

from edge.core.clock import Clock

FORGOTTEN_S = 3600.0
"""Failures older than this count no more, seconds."""
_MOST_KEYS = 10_000
_PATIENCE_S = 0.01  # who waited as long as told is never sent away for a rounding error


@dataclass(frozen=True, slots=True)
class Limit:
    """How patient one is.

    Attributes:
        free: failures that cost no wait.
        longest_s: the wait doubles with each failure beyond them, from one second up to this.
    """

    free: int
    longest_s: float


HERE = Limit(5, 900.0)
"""One account from one address: somebody guesses, or forgot it."""
ADDRESS = Limit(20, 900.0)
"""One address, whatever account: somebody tries many."""
ACCOUNT = Limit(20, 30.0)
"""One account, from anywhere: slows a crowd down, but never locks its owner out for long."""


@dataclass(frozen=True, slots=True)
class _Failures:
    count: int
    last_s: float


class Attempts:
    """Failed logins by account and address; for any thread, and bounded whatever comes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: OrderedDict[tuple[str, ...], _Failures] = OrderedDict()

    def begin(self, name: str, address: str) -> float:
        """Count an attempt as failed until ``succeeded``, so that many at once count too.

        Returns:
            0, or the seconds to wait before the next one; it is then not counted.
        """
        now = self._clock.now()
        with self._lock:
            keys = _keys(name, address)
            wait_s = max(self._wait_s(key, limit, now) for key, limit in keys.items())
            if wait_s > _PATIENCE_S:
                return wait_s
            for key in keys:
                self._count(key, now)
            return 0.0

    def succeeded(self, name: str, address: str) -> None:
        """It was the right password: what failed here before was its owner's.

        The address gets only this attempt back, or whoever has one account could try all others.
        """
        with self._lock:
            for key, limit in _keys(name, address).items():
                failures = self._failures.pop(key, None)
                if limit is ADDRESS and failures is not None and failures.count > 1:
                    self._failures[key] = replace(failures, count=failures.count - 1)

    def _wait_s(self, key: tuple[str, ...], limit: Limit, now: float) -> float:
        failures = self._failures.get(key)
        if failures is None or now - failures.last_s > FORGOTTEN_S:
            return 0.0
        beyond = failures.count - limit.free
        if beyond < 0:
            return 0.0
        return min(limit.longest_s, 2.0 ** min(beyond, 30)) - (now - failures.last_s)

    def _count(self, key: tuple[str, ...], now: float) -> None:
        before = self._failures.pop(key, None)
        fresh = before is None or now - before.last_s > FORGOTTEN_S
        self._failures[key] = _Failures(1 if fresh or before is None else before.count + 1, now)
        if len(self._failures) > _MOST_KEYS:
            self._failures.popitem(last=False)


def _keys(name: str, address: str) -> dict[tuple[str, ...], Limit]:
    place = _network(address)
    return {("here", name, place): HERE, ("address", place): ADDRESS, ("account", name): ACCOUNT}


def _network(address: str) -> str:
    """An IPv6 host has 2^64 addresses of its own: they count as one."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.version == 4:
        return address
    return str(ipaddress.ip_network((found, 64), strict=False))
