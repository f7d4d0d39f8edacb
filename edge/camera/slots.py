"""The capture process's end: newest frame into a lent slot of shared memory. Standard library only.

Runs in a process of its own, maybe under the system's Python, because a library that hangs or
crashes inside can be killed from outside. One JSON object a line. The parent writes::

    {"job": {...}, "memory": 5}              once: what to open; the shared memory's descriptor
    {"pool": {"offset": 0, "bytes": 6220800, "slots": 8}}   the memory to use from now on
    {"slot": 3}                              fill this slot with the newest frame, then say so

and reads::

    {"opened": true}                         the camera answered
    {"need": 6220800}                        a frame of so many bytes fits no slot: a larger pool
    {"frame": {"slot": 3, "index": 17, "width": 1920, "height": 1080, "at": 1234.5}}
    {"error": {"kind": "HTTPNotFoundError", "text": "..."}}   the last line

``index`` counts every decoded frame, so frames that nobody had a slot for are gaps. ``at`` is
``time.monotonic()``, which all processes of a Linux machine share (CLOCK_MONOTONIC).
"""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

_PR_SET_PDEATHSIG = 1  # prctl(2)


@dataclass(frozen=True)
class Offer:
    """A decoded frame that waits to be wanted.

    Attributes:
        index: counts every decoded frame, from 0.
        width: of the picture, in pixels.
        height: of the picture, in pixels.
        length: of its pixels, in bytes.
        at: ``time.monotonic()`` seconds when it arrived.
        write: puts the pixels into a buffer of at least ``length`` bytes.
    """

    index: int
    width: int
    height: int
    length: int
    at: float
    write: Callable[[memoryview], None]


class SlotWriter:
    """Keeps the newest frame and writes it as soon as there is a slot to write it to."""

    def __init__(self, answers: IO[str], memory_fd: int) -> None:
        self._answers = answers
        self._memory_fd = memory_fd
        self._lock = threading.Lock()
        self._memory = memoryview(b"")
        self._slot_bytes = 0
        self._slot: int | None = 0  # of a pool without room: the first frame asks for a real one
        self._newest: Offer | None = None

    def opened(self) -> None:
        """Tell that the camera answered; frames may still take a while."""
        with self._lock:
            self._say(opened=True)

    def offer(self, offer: Offer) -> None:
        """The newest frame. It replaces one that nobody wanted."""
        with self._lock:
            self._newest = offer
            self._deliver()

    def fail(self, kind: str, text: str) -> None:
        """The last word: why there will be no more frames."""
        with self._lock:
            self._say(error={"kind": kind, "text": text})

    def obey(self, command: dict[str, Any]) -> None:
        """Carry out one line of the parent."""
        with self._lock:
            if "pool" in command:
                self._use(**command["pool"])
            if "slot" in command:
                self._slot = command["slot"]
                self._deliver()

    def _use(self, offset: int, bytes: int, slots: int) -> None:  # noqa: A002
        block = mmap.mmap(self._memory_fd, bytes * slots, offset=offset)
        self._memory, self._slot_bytes, self._slot = memoryview(block), bytes, None

    def _deliver(self) -> None:
        offer, slot = self._newest, self._slot
        if offer is None or slot is None:
            return
        self._slot = None
        if offer.length > self._slot_bytes:
            self._say(need=offer.length)
            return
        start = slot * self._slot_bytes
        offer.write(self._memory[start : start + offer.length])
        self._newest = None
        self._say(
            frame={
                "slot": slot,
                "index": offer.index,
                "width": offer.width,
                "height": offer.height,
                "at": offer.at,
            }
        )

    def _say(self, **message: object) -> None:
        self._answers.write(json.dumps(message) + "\n")
        self._answers.flush()


def serve(capture: Callable[[dict[str, Any], SlotWriter], None]) -> None:
    """Run ``capture(job, writer)`` until it ends or the parent is gone. Does not return."""
    _die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which closes us
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # a library that prints cannot break the protocol
    first = json.loads(sys.stdin.readline() or "{}")
    if "job" not in first:
        os._exit(os.EX_USAGE)
    writer = SlotWriter(answers, first["memory"])
    threading.Thread(target=_obey_until_end, args=(writer,), daemon=True).start()
    try:
        capture(first["job"], writer)
        writer.fail("EOFError", "the stream ended")
    except Exception as error:
        writer.fail(type(error).__name__, str(error))
    finally:
        os._exit(0)  # a library's own clean-up may hang


def _obey_until_end(writer: SlotWriter) -> None:
    try:
        for line in sys.stdin:
            writer.obey(json.loads(line))
    finally:
        os._exit(0)  # the parent is gone or wants no more


def _die_with_parent() -> None:
    """Have the kernel kill this process with the parent's thread, even if Python cannot run."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
