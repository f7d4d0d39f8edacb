"""Ctrl-C and SIGTERM end the work in hand, SIGHUP has the configuration read again."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stop_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call ``stop`` on the first SIGINT or SIGTERM; a second one acts as it did before.

    ``stop`` runs between two steps of the main thread: it must be quick and must not wait.
    """
    before: dict[signal.Signals, signal._HANDLER] = {}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def handle(number: int, frame: FrameType | None) -> None:
        restore()
        stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.signal(number, handle)
    try:
        yield
    finally:
        restore()


@contextmanager
def reload_on_signal(reload: Callable[[], None]) -> Iterator[None]:
    """Call ``reload`` on every SIGHUP; a terminal that is closed ends the process as ever.

    ``reload`` may interrupt itself, between two steps of the main thread.
    """
    if os.isatty(0) or signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        yield
        return
    before = signal.signal(signal.SIGHUP, lambda number, frame: reload())
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)
