"""A capture process that plays a script, to test the parent's side of the protocol.

The job: ``{"frames": [[width, height], ...], "then": "silence" | "segfault" | "error" | "say"}``.
Frame ``i`` is filled with the value ``i``.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from functools import partial
from typing import Any

from edge.camera.slots import Offer, SlotWriter, serve


def capture(job: dict[str, Any], writer: SlotWriter) -> None:
    if job.get("opens", True):
        writer.opened()
    for index, (width, height) in enumerate(job["frames"]):
        written = threading.Event()
        fill = partial(_fill, index, written)
        writer.offer(Offer(index, width, height, width * height * 3, time.monotonic(), fill))
        if index not in job.get("unwanted", []):
            written.wait()
            writer.obey({})  # waits its turn: the parent has been told of the frame
    if job["then"] == "segfault":
        sys.stderr.write("decoder: bad state for rtsp://bob:s3cret@cam/1\n")
        sys.stderr.flush()
        os.kill(os.getpid(), signal.SIGSEGV)
    elif job["then"] == "error":
        raise ValueError("rtsp://bob:s3cret@cam/1 misbehaves")
    threading.Event().wait()


def _fill(value: int, written: threading.Event, slot: memoryview) -> None:
    slot[:] = bytes([value]) * len(slot)
    written.set()


def main() -> None:
    serve(capture)
