"""A log that a fault which comes and goes for days cannot flood."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from edge.core.clock import Clock, MonotonicClock

MOST = 20
"""Lines of one kind within ``WINDOW_S``; then silence, and how many were left out."""
WINDOW_S = 600.0
_MOST_KINDS = 500


class Sparingly(logging.Filter):
    """Lets the first lines of a kind through, and then one every ``WINDOW_S``.

    A kind is a message's text before its figures are put in, with the first of them: of each
    camera, for a message that begins with its name. Errors of another kind are never held back.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        """Let everything through until something repeats."""
        super().__init__()
        self._clock = clock or MonotonicClock()
        self._lock = threading.Lock()
        self._kinds: OrderedDict[tuple[object, ...], _Kind] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this line is written; the first after a silence says what was left out."""
        first = record.args[0] if isinstance(record.args, tuple) and record.args else ""
        key = (record.name, record.levelno, record.msg, str(first))
        with self._lock:
            kind = self._kinds.setdefault(key, _Kind(self._clock.now()))
            self._kinds.move_to_end(key)
            if len(self._kinds) > _MOST_KINDS:
                self._kinds.popitem(last=False)
            left_out = kind.count(self._clock.now())
        if left_out is None:
            return False
        if left_out:
            record.msg = f"{record.getMessage()} ({left_out} such lines were left out before)"
            record.args = ()
        return True


@contextmanager
def logging_sparingly() -> Iterator[None]:
    """Whatever this process logs until the block ends."""
    spare, handlers = Sparingly(), logging.getLogger().handlers[:]
    for handler in handlers:
        handler.addFilter(spare)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(spare)


class _Kind:
    """How often lines of one kind came within the window that began with the first of them."""

    def __init__(self, now: float) -> None:
        self._since = now
        self._written = self._left_out = 0

    def count(self, now: float) -> int | None:
        """None: leave this one out; else how many were left out before it."""
        left_out = 0
        if now - self._since >= WINDOW_S:
            left_out, self._left_out = self._left_out, 0
            self._since = now
            self._written = 0 if not left_out else MOST - 1
        if self._written >= MOST:
            self._left_out += 1
            return None
        self._written += 1
        return left_out
