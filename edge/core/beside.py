"""Work beside the loop, for the time of a ``with`` block."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def beside(work: Callable[[], None], name: str, stop: threading.Event) -> Iterator[None]:
    """Run ``work`` on a thread of its own; leaving the block sets ``stop`` and waits for its end.

    Args:
        work: ends soon after ``stop`` is set.
        name: of the thread.
        stop: what ``work`` looks at.
    """
    thread = threading.Thread(target=work, name=name)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
