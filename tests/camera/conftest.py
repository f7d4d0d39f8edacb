"""No test of a camera may leave a process behind; threads are watched for all tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _no_process_left_behind() -> Iterator[None]:
    before = children()
    yield
    left = [Path(f"/proc/{child}/cmdline").read_text() for child in children() - before]
    # Python keeps one process of its own from the first pool of workers on.
    ours = [command for command in left if "multiprocessing.resource_tracker" not in command]
    assert not ours, f"processes left running: {ours}"


def children() -> set[str]:
    """Numbers of the processes this one has started and not yet collected."""
    lists = Path("/proc/self/task").glob("*/children")  # proc(5)
    return {child for one in lists for child in one.read_text().split()}
