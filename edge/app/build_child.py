"""The process that builds beside a running line: it can be paused, and killed, as a whole.

Run with the number of an open pipe; what comes over it is sent by :mod:`edge.app.build_beside`.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from multiprocessing.connection import Connection
from types import FrameType
from typing import Any, Literal

from edge.app.build import BuildRequest, build
from edge.core.build import Rung
from edge.core.errors import EdgeError

Message = tuple[Literal["told", "tried", "report", "error"], Any]

NICE = 10
"""Live frames come first."""
_PR_SET_PDEATHSIG = 1  # prctl(2)


def main() -> None:
    """Build what arrives over the pipe; tell how it goes, and how it ended."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # even while it is paused
    signal.signal(signal.SIGTERM, _leave)  # with everything unfinished removed on the way out
    pipe: Connection[Message, BuildRequest] = Connection(int(sys.argv[-1]))
    request = pipe.recv()
    os.nice(NICE)

    def told(what: str, done: int, of: int) -> None:
        pipe.send(("told", (what, done, of)))

    def tried(rung: Rung) -> None:
        pipe.send(("tried", rung))

    try:
        answer: Message = ("report", build(request, told, tried))
    except EdgeError as error:
        answer = ("error", error)
    pipe.send(answer)


def _leave(_number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + signal.SIGTERM)
