"""Frame buffers that are leased, never overwritten while in use, and pinnable in one piece."""

from __future__ import annotations

import math
import weakref
from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.core.types import Image


class Lease:
    """One slot of a pool, for as long as this object or an array made from it lives.

    Attributes:
        slot: number of the slot, 0 to ``slots - 1``.
    """

    def __init__(self, memory: NDArray[np.uint8], slot: int) -> None:
        self.slot = slot
        self._memory = memory

    @property
    def __array_interface__(self) -> dict[str, Any]:
        # NumPy keeps this object as the base of the array it makes, and of every view of that
        # array. A plain slice of the pool's memory would not do: NumPy shortens chains of views
        # down to the memory's owner, and the slot would be given back under a view in use.
        return self._memory.__array_interface__

    def array(self, shape: tuple[int, ...]) -> Image:
        """The slot's first bytes as a writable uint8 array of this shape; it keeps the lease."""
        return np.asarray(self)[: math.prod(shape)].reshape(shape)


class FramePool:
    """A fixed number of equal buffers in one block of memory.

    A slot comes back by itself when the last array that uses it is gone, whichever thread drops
    it. When all are in use there is no lease: the caller drops its frame and counts it.

    Attributes:
        memory: uint8 (slots, slot_bytes): the whole block, for an engine to pin once.
        exhausted: how often ``lease`` found no free slot.
    """

    def __init__(
        self, slot_bytes: int, slots: int = 8, memory: NDArray[np.uint8] | None = None
    ) -> None:
        """Make ``slots`` buffers of ``slot_bytes`` each, in ``memory`` (flat) if it is given."""
        flat = np.empty(slots * slot_bytes, np.uint8) if memory is None else memory
        if flat.dtype != np.uint8 or flat.shape != (slots * slot_bytes,):
            raise ValueError(f"memory must be uint8 ({slots * slot_bytes},), got {flat.shape}")
        self.memory = flat.reshape(slots, slot_bytes)
        self.exhausted = 0
        self._free = deque(range(slots))

    @property
    def slot_bytes(self) -> int:
        """Capacity of one slot, in bytes."""
        return int(self.memory.shape[1])

    @property
    def free(self) -> int:
        """Slots nobody uses now."""
        return len(self._free)

    def lease(self) -> Lease | None:
        """A free slot, or None (counted) when every one is in use. Never waits."""
        try:
            slot = self._free.popleft()
        except IndexError:
            self.exhausted += 1
            return None
        lease = Lease(self.memory[slot], slot)
        weakref.finalize(lease, self._free.append, slot).atexit = False
        return lease

    def array(self, shape: tuple[int, ...]) -> Image | None:
        """A leased, writable uint8 array of this shape, or None when every slot is in use."""
        lease = self.lease()
        return None if lease is None else lease.array(shape)
