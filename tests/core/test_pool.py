"""Frame buffers: a slot in use is never handed out again, however it is held."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.pool import FramePool
from edge.core.types import Frame


def test_a_slot_returns_when_the_last_view_of_it_is_gone() -> None:
    pool = FramePool(slot_bytes=300, slots=1)
    image = pool.array((10, 10, 3))
    assert image is not None
    row = image[4:5]
    corner = row[:, :2]
    del image, row
    assert pool.free == 0, "a view of a view still uses the slot"
    del corner
    assert pool.free == 1


def test_an_empty_pool_gives_no_buffer_and_counts_it() -> None:
    pool = FramePool(slot_bytes=4, slots=2)
    held = [pool.array((4,)), pool.array((4,))]
    assert pool.array((4,)) is None
    assert pool.exhausted == 1
    held.clear()
    assert pool.array((4,)) is not None


def test_a_frame_keeps_its_buffer_and_gives_it_back() -> None:
    pool = FramePool(slot_bytes=27, slots=1)
    image = pool.array((3, 3, 3))
    assert image is not None
    frame = Frame(image, 0, 0.0)
    del image
    assert pool.free == 0
    assert frame.size.width == 3
    del frame
    assert pool.free == 1


def test_the_pool_may_lie_in_memory_given_to_it() -> None:
    memory = np.zeros(20, np.uint8)
    pool = FramePool(slot_bytes=10, slots=2, memory=memory)
    lease = pool.lease()
    assert lease is not None
    lease.array((10,))[:] = 7
    assert memory[lease.slot * 10] == 7


def test_memory_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match=r"memory must be uint8 \(20,\), got \(19,\)"):
        FramePool(slot_bytes=10, slots=2, memory=np.zeros(19, np.uint8))


def test_a_shape_larger_than_a_slot_is_refused() -> None:
    lease = FramePool(slot_bytes=10).lease()
    assert lease is not None
    with pytest.raises(ValueError, match="reshape"):
        lease.array((11,))


@given(st.lists(st.integers(0, 5), max_size=60))
def test_buffers_held_at_the_same_time_never_overlap(steps: list[int]) -> None:
    """Each step drops the n-th held buffer, or leases another; every one keeps its own mark."""
    pool = FramePool(slot_bytes=8, slots=4)
    held: list[tuple[int, np.ndarray]] = []
    for mark, step in enumerate(steps):
        if step < len(held):
            del held[step]
        elif (array := pool.array((8,))) is not None:
            array[:] = mark
            held.append((mark, array))
            del array
        assert pool.free == 4 - len(held)
        assert all((array == mark).all() for mark, array in held)
