"""What holds for every test: no thread is left behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import hypothesis
import pytest

# No test depends on timing: a loaded machine must not fail a property.
hypothesis.settings.register_profile("edge", deadline=None)
hypothesis.settings.load_profile("edge")


@pytest.fixture(autouse=True)
def no_thread_left_behind() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    left = [thread for thread in threading.enumerate() if thread not in before]
    for thread in left:
        thread.join(timeout=5)
    still = [thread.name for thread in left if thread.is_alive()]
    assert not still, f"threads left running: {still}"
