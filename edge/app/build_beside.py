"""A build in a process of its own, paused whenever the running line needs the machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any

import edge
from edge.app.build import BuildRequest
from edge.app.build_child import Message
from edge.app.pacing import Pace, PaceVerdict
from edge.app.work import Told
from edge.core.build import Rung
from edge.core.errors import UnavailableError

LOOK_S = 1.0
"""How often it is asked whether the build may go on."""
PUBLISHING = "publishing"
"""What a build says last; it holds a lock from then on and is not paused any more."""
_END_S = 4.0
_STDERR = 2
_ROOT = str(Path(edge.__file__).parent.parent)
_BOOT = (
    "import sys; sys.path.append(sys.argv[1]); "
    "from importlib import import_module; import_module(sys.argv[2]).main()"
)


class BuildBeside:
    """The process and all that it starts: one process group.

    Used as a context; leaving it ends the group, whatever it is doing.
    """

    def __init__(self, request: BuildRequest, module: str = "edge.app.build_child") -> None:
        """Start; the first message is what :func:`edge.app.build_child.main` sends."""
        ours, theirs = Pipe()
        self._pipe: Connection[BuildRequest, Message] = ours
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _BOOT, _ROOT, module, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=_STDERR,  # our own output holds the result
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._pipe.send(request)
        self.paused = ""

    def __enter__(self) -> BuildBeside:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def run(
        self, told: Told, tried: Callable[[Rung], None], decide: Callable[[], PaceVerdict]
    ) -> dict[str, Any]:
        """The build's report; asks ``decide`` about every second whether it may go on.

        Raises:
            EdgeError: what the build raised.
            UnavailableError: it was given up, or its process died.
        """
        may_pause = True
        while True:
            for kind, content in self._messages():
                if kind == "told":
                    told(*content)
                    may_pause = content[0] != PUBLISHING
                elif kind == "tried":
                    tried(content)
                elif kind == "error":
                    raise content
                else:
                    report: dict[str, Any] = content
                    return report
            verdict = decide() if may_pause else PaceVerdict(Pace.RUN)
            if verdict.pace is Pace.GIVE_UP:
                raise UnavailableError(f"the build was given up: {verdict.reason}")
            self._pause(verdict.reason if verdict.pace is Pace.PAUSE else "")

    def end(self) -> None:
        """Gone when this returns: asked first, so that it removes what is unfinished."""
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGCONT)
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._signal(signal.SIGKILL)
            self._process.wait()
            self._pipe.close()

    def _messages(self) -> list[Message]:
        """All that have arrived; waits for one, but not longer than ``LOOK_S``."""
        found: list[Message] = []
        try:
            while self._pipe.poll(0 if found else LOOK_S):
                found.append(self._pipe.recv())
        except (EOFError, OSError) as error:
            if found:
                return found
            code = self._process.wait()
            raise UnavailableError(
                f"the build's process ended with exit code {code}. Nothing was published; what it "
                "said is above, or in the journal. Too little memory is a likely reason"
            ) from error
        return found

    def _pause(self, why: str) -> None:
        if bool(why) != bool(self.paused):
            self._signal(signal.SIGSTOP if why else signal.SIGCONT)
        self.paused = why

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)
