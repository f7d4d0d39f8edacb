"""Frames that the GPU takes from where the camera put them: their pools are pinned in place."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.core.errors import UnavailableError
from edge.core.types import Frame
from edge.engine.cuda import CudaContext
from edge.engine.cuda_memory import PinnedMemory

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Shared:
    memory: PinnedMemory
    users: int = 0


class PinnedPools:
    """Every pool once, however many detectors read from it: CUDA refuses to pin memory twice.

    Any thread may use it. A pool stays pinned, and its memory alive, while a detector uses it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pools: dict[int, _Shared] = {}

    def take(self, context: CudaContext, block: NDArray[np.uint8], *, mapped: bool) -> PinnedMemory:
        """This memory, pinned; call it while the context is current.

        Raises:
            UnavailableError: the driver refuses.
        """
        start = _start(block)
        with self._lock:
            shared = self._pools.get(start)
            if shared is None:
                shared = self._pools[start] = _Shared(context.pin(block, mapped=mapped))
            shared.users += 1
            return shared.memory

    def give_back(self, memory: PinnedMemory) -> None:
        """This user reads from it no more; call it while the context is current.

        Raises:
            UnavailableError: the GPU failed before.
        """
        with self._lock:
            shared = self._pools[memory.start]
            shared.users -= 1
            if not shared.users:
                del self._pools[memory.start]
                memory.unpin()


class CameraBlocks:
    """The pools that one detector's frames come from: one a camera, the newest.

    A camera that was opened again brings another pool; then the old one is given back, or a
    camera that comes and goes for weeks would have all memory pinned.
    """

    def __init__(self, context: CudaContext, pools: PinnedPools, *, mapped: bool) -> None:
        self._context = context
        self._pools = pools
        self._mapped = mapped
        self._starts: dict[str, int] = {}
        self._pinned: dict[str, PinnedMemory] = {}

    @property
    def pinned(self) -> Sequence[PinnedMemory]:
        """What frames may lie in."""
        return tuple(self._pinned.values())

    def meet(self, frame: Frame, settle: Callable[[], None]) -> None:
        """Pin what this frame lies in, unless it is; call it while the context is current.

        Where the driver refuses, it says so in the log, and the frames are copied once more.

        Args:
            frame: the next one.
            settle: waits until nothing reads frames any more.
        """
        if frame.block is None or self._starts.get(frame.camera) == (start := _start(frame.block)):
            return
        self._starts[frame.camera] = start
        if (old := self._pinned.pop(frame.camera, None)) is not None:
            settle()
            self._pools.give_back(old)
        try:
            block = self._pools.take(self._context, frame.block, mapped=self._mapped)
        except UnavailableError as error:
            # As text: a log that keeps the error would keep its frames, and so the detector.
            what = frame.camera, frame.block.nbytes, str(error)
            _log.warning("%s: %d bytes of frames are not pinned: %s", *what)
        else:
            self._pinned[frame.camera] = block

    def close(self) -> None:
        """Give all of them back, while the context is current. Safe to call twice.

        Raises:
            UnavailableError: the GPU failed before.
        """
        while self._pinned:
            self._pools.give_back(self._pinned.popitem()[1])


def _start(block: NDArray[np.uint8]) -> int:
    return int(block.__array_interface__["data"][0])
