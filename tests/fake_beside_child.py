"""In place of ``edge.app.build_child``: works, with a child of its own, until it is told to end."""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from edge.app.build import BuildRequest
from edge.core.errors import DataError


def main() -> None:
    """Behave as the name of the model says."""
    pipe: Connection[Any, BuildRequest] = Connection(int(sys.argv[-1]))
    request = pipe.recv()
    kind, unfinished = request.model.stem, request.out / "unfinished"
    if kind == "refused":
        pipe.send(("error", DataError("node 7: unsupported")))
    elif kind == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    elif kind == "quick":
        pipe.send(("told", ("collecting", 1, 2)))
        pipe.send(("report", {"bundle": "b"}))
    else:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())
        atexit.register(unfinished.unlink)
        unfinished.touch()
        own = subprocess.Popen(["sleep", "1000"])
        (request.out / "own").write_text(str(own.pid))
        step = 0
        while not (request.out / "enough").exists():
            step += 1
            pipe.send(("told", ("publishing" if kind == "publishes" else "working", step, 0)))
            time.sleep(0.01)
        own.kill()
        pipe.send(("report", {"bundle": str(Path(request.out))}))
