"""``edge.yaml`` read again on SIGHUP: all of it comes into force, or none of it does."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue

from edge.app.readings import CONFIGURATION
from edge.core.beside import beside
from edge.core.config import EdgeConfig
from edge.core.errors import EdgeError
from edge.core.service import Conditions
from edge.host.notify import Notifier
from edge.host.signals import reload_on_signal, stop_on_signals

SLOWEST_S = 90.0
"""The watchdog waits for so long while everything is opened anew: as long as for a start."""

_log = logging.getLogger(__name__)


class Reload:
    """Ends a run when another configuration is to be used, and only when it can be.

    The run goes on while the file is read and checked. What cannot be used is refused: the run
    stays as it is, and the error is told until a configuration is accepted.
    """

    def __init__(
        self, config: EdgeConfig, read: Callable[[], EdgeConfig], heartbeat: Notifier
    ) -> None:
        """Prepare.

        Args:
            config: in force.
            read: reads and checks the file; raises ``EdgeError``.
            heartbeat: told when a reload begins and ends.
        """
        self.config = config
        self.stopped = False
        self._read = read
        self._heartbeat = heartbeat
        self._before: EdgeConfig | None = None
        self._fresh: EdgeConfig | None = None
        self._problem = ""
        # Its ``put`` may interrupt itself, as handlers of signals do.
        self._asked: SimpleQueue[bool] = SimpleQueue()
        self._lock = threading.Lock()
        self._end: Callable[[], None] | None = None
        self._conditions = Conditions()

    @property
    def pending(self) -> bool:
        """The run ends, or has ended, so that another begins."""
        return self._fresh is not None and not self.stopped

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Obey SIGHUP until the block ends."""
        stop = threading.Event()

        def run() -> None:
            while self._asked.get():
                self._reload()

        def wake() -> None:
            self._asked.put(True)

        with reload_on_signal(wake), beside(run, "reload", stop):
            try:
                yield
            finally:
                self._asked.put(False)

    @contextmanager
    def running(self, end: Callable[[], None], conditions: Conditions) -> Iterator[None]:
        """A run is going on until the block ends; ``end`` makes it end soon, from any thread."""

        def stop() -> None:
            self.stopped = True
            end()

        with stop_on_signals(stop):
            with self._lock:
                self._end, self._conditions = end, conditions
                if self._problem:
                    conditions.warn(CONFIGURATION, self._problem)
                if self._fresh is not None:  # it came while this run was being opened
                    end()
            try:
                yield
            finally:
                with self._lock:
                    self._end = None

    def begin(self) -> None:
        """The next run: with the configuration that was accepted."""
        if self._fresh is not None:
            self._before, self.config, self._fresh = self.config, self._fresh, None

    def opened(self) -> None:
        """All parts of this run are open: there is no way back from here on."""
        self._before = None

    def may_go_back(self) -> bool:
        """Whether an error in opening would end nothing."""
        return self._before is not None

    def go_back(self, error: EdgeError) -> bool:
        """Whether there is a configuration before this one, which is then to be used again."""
        if self._before is None:
            return False
        self.config, self._before = self._before, None
        self._refuse(error)
        return True

    def _reload(self) -> None:
        self._heartbeat.reloading("the configuration is read again", SLOWEST_S)
        try:
            fresh = self._read()
        except EdgeError as error:
            self._refuse(error)
            self._heartbeat.ready(self._problem)
            return
        with self._lock:
            self._problem = ""
            self._conditions.calm(CONFIGURATION)
            if fresh == self.config and self._fresh is None:
                _log.warning("the configuration was read again: nothing has changed")
                self._heartbeat.ready("nothing has changed in the configuration")
                return
            _log.warning("another configuration: everything is closed and opened anew")
            self._fresh = fresh
            if self._end is not None:
                self._end()

    def _refuse(self, error: EdgeError) -> None:
        self._problem = f"refused, the one before stays in force: {error}"
        self._conditions.warn(CONFIGURATION, self._problem)
        _log.error("configuration %s", self._problem)
