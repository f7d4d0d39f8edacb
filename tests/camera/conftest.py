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
    assert not left, f"processes left running: {left}"


def children() -> set[str]:
    """Numbers of the processes this one has started and not yet collected."""
    lists = Path("/proc/self/task").glob("*/children")  # proc(5)
    return {child for one in lists for child in one.read_text().split()}
