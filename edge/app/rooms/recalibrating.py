"""A recalibration that somebody starts from the page: a process of its own, one at a time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import edge
from edge.app.notes import read_progress
from edge.core.config import CameraConfig, EdgeConfig, SinksConfig
from edge.core.errors import ConfigError, UnavailableError
from edge.engine import publish
from edge.sinks.record.export import utc
from edge.sinks.web.rooms import Act, NotNowError

CHILD = "edge.app.rooms.recalibration_child"
_BOOT = (
    "import sys; sys.path.append(sys.argv[1]); "
    "from importlib import import_module; import_module(sys.argv[2]).main()"
)
_LINES = 200
_END_S = 15.0
_NOT_FOR_THE_CHILD = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "CREDENTIALS_DIRECTORY")


class Recalibrating:
    """Does what ``edge recalibrate`` does. It outlives no service: ``close`` ends it."""

    def __init__(
        self,
        config: EdgeConfig,
        builds: Path | None,
        written: Callable[[str, Act], None],
        noted: Callable[[str], None],
        *,
        child: str = CHILD,
    ) -> None:
        """Nothing is started yet.

        Args:
            config: of the service.
            builds: folder of builds; None: the service runs a model that no build replaces.
            written: writes down what is about to be done.
            noted: writes down how it ended.
            child: module whose ``main`` runs in the process.
        """
        self._config = config
        self._builds = builds
        self._written = written
        self._noted = noted
        self._child = child
        self._lock = threading.Lock()
        self._running: _Process | None = None
        self._last: dict[str, Any] = dict(_IDLE)

    def state(self) -> dict[str, Any]:
        """See :class:`edge.sinks.web.rooms.asked.Recalibration`."""
        with self._lock:
            process, told = self._running, self._last
        builds = self._builds
        if builds is None or (process is None and not publish.recalibrating(builds)):
            return told
        running = process.told("running") if process else _IDLE | {"state": "running"}
        noted = read_progress(builds)  # says, too, why it stands still
        return running | ({"step": str(noted)} if noted and not noted.ended else {})

    def start(self, act: Act) -> dict[str, Any]:
        """See :class:`edge.sinks.web.rooms.asked.Recalibration`."""
        if self._builds is None or self._config.recalibrate is None:
            raise ConfigError(
                "the service is not set up for it: edge.yaml needs `model: models/current` and a "
                "section `recalibrate`; see docs/edge.yaml"
            )
        with self._lock:
            if self._running is not None or publish.recalibrating(self._builds):
                raise NotNowError("another recalibration is going on. Wait until it is done")
            self._written("start a recalibration", act)
            self._running = _Process(self._child, _for_child(self._config), self._ended)
        return self.state()

    def abort(self, act: Act) -> dict[str, Any]:
        """See :class:`edge.sinks.web.rooms.asked.Recalibration`."""
        with self._lock:
            process = self._running
        if process is None:
            raise NotNowError("no recalibration that was started here is going on")
        self._written("abort the recalibration", act)
        process.end("it was aborted")
        return self.state()

    def close(self) -> None:
        """End the one that runs, if any. Safe to call twice."""
        with self._lock:
            process = self._running
        if process is not None:
            process.end("the service was stopped")

    def _ended(self, told: dict[str, Any]) -> None:
        with self._lock:
            self._running, self._last = None, told
        self._noted(f"the recalibration {told['state']}: {told['reason']}")


class _Process:
    """The process, and the thread that listens to it."""

    def __init__(self, module: str, config: str, ended: Callable[[dict[str, Any]], None]) -> None:
        self._ended = ended
        self._began, self._began_s = time.time(), time.monotonic()
        self._lines: deque[str] = deque(maxlen=_LINES)
        self._step = "starting"
        self._result: dict[str, Any] = {}
        self._stopped = ""
        environment = {k: v for k, v in os.environ.items() if k not in _NOT_FOR_THE_CHILD}
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _BOOT, str(Path(edge.__file__).parent.parent), module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            raise UnavailableError(f"a recalibration cannot be started: {error}") from error
        self._thread = threading.Thread(target=self._listen, args=(config,), name="recalibration")
        self._thread.start()

    def told(self, state: str) -> dict[str, Any]:
        """How far it is."""
        return {
            "state": state,
            "step": self._step,
            "lines": list(self._lines),
            "from": self._result.get("from"),
            "to": self._result.get("to"),
            "reason": self._result.get("reason", ""),
            "started_at": utc(self._began),
            "seconds": round(time.monotonic() - self._began_s, 1),
        }

    def end(self, why: str) -> None:
        """Gone, and told, when this returns: asked first, so that it removes what is unfinished."""
        self._stopped = why
        self._signal(signal.SIGTERM)
        self._thread.join(_END_S)
        if self._thread.is_alive():
            self._signal(signal.SIGKILL)
            self._thread.join()

    def _listen(self, config: str) -> None:
        process = self._process
        assert process.stdin
        assert process.stdout
        with suppress(BrokenPipeError), process.stdin as pipe:
            pipe.write(config.encode())
        with process.stdout as pipe:
            self._read(pipe)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # its number stays its own
        self._signal(signal.SIGKILL)  # what it may have left behind
        code = process.wait()
        if not self._result:
            reason = self._stopped or f"its process ended with {code}; see the service's log"
            self._result = {"passed": False, "reason": reason}
        self._ended(self.told("passed" if self._result["passed"] else "failed"))

    def _read(self, pipe: IO[bytes]) -> None:
        for line in pipe:
            try:
                message = json.loads(line)
                self._understand(message)
            except (ValueError, KeyError, TypeError):
                self._lines.append(line.decode(errors="replace").strip()[:500])

    def _understand(self, message: dict[str, Any]) -> None:
        if "step" in message:
            step = message["step"]
            if not self._step.startswith(step):
                self._lines.append(step)
            self._step = f"{step}, {message['done']} of {message['of']}"
        elif "rung" in message:
            self._lines.append(message["rung"])
        else:
            self._result = message["result"]

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


_IDLE: dict[str, Any] = {
    "state": "idle",
    "step": "",
    "lines": [],
    "from": None,
    "to": None,
    "reason": "",
    "started_at": None,
    "seconds": None,
}


def _for_child(config: EdgeConfig) -> str:
    """The configuration as JSON, without cameras: their passwords are not the child's business."""
    nobody = CameraConfig(name="none", uri="pattern://")
    sinks = SinksConfig(web=None, record=None, collect=config.sinks.collect)
    return config.model_copy(update={"cameras": [nobody], "sinks": sinks}).model_dump_json()
