"""What is published in a folder of builds, and which of it may be taken."""

from __future__ import annotations

import logging
from pathlib import Path

from edge.app.memory import Memory
from edge.core.errors import EdgeError
from edge.engine import publish

_log = logging.getLogger(__name__)


class Published:
    """A folder of builds as a running service sees it: news, what was before, what is refused."""

    def __init__(self, models: Path | None, memory: Memory) -> None:
        """Look at ``models``; None: nothing is ever published, what runs stays."""
        self._models = models
        self._memory = memory
        self._passed_over: str | None = None
        self._owed: tuple[str, str] | None = None

    def news(self, running: str) -> Path | None:
        """A bundle that is published, does not run, and may be tried; told once if it may not."""
        if self._models is None:
            return None
        if self._owed is not None:
            self._put_back(*self._owed)
        name = publish.in_use(self._models)
        if name is None or name in (running, self._passed_over):
            return None
        if reason := self._memory.rejected(name):
            self._passed_over = name
            _log.warning("%s is published, but it failed before: %s", name, reason)
            return None
        return self._bundle(name)

    def before(self, running: str) -> Path | None:
        """The bundle that was in use before, if it may still be used."""
        if self._models is None:
            return None
        name = publish.before(self._models)
        if name is None or name == running or self._memory.rejected(name):
            return None
        return self._bundle(name)

    def pass_over(self, name: str) -> None:
        """It stays published, but is none for this process."""
        self._passed_over = name

    def refuse(self, name: str, reason: str, running: str) -> None:
        """Never try a bundle again; what runs is what is published, so that a restart agrees."""
        self._memory.reject(name, reason)
        self._put_back(name, running)

    def _put_back(self, name: str, running: str) -> None:
        """Publish what runs instead of ``name``; later, while a build is writing."""
        self._owed = None
        if self._models is None or publish.in_use(self._models) != name:
            return
        self._passed_over = name
        try:
            publish.publish(self._models, self._bundle(running))
        except publish.BusyError:
            self._owed = name, running
        except EdgeError:
            _log.exception("%s is rejected, but stays published", name)

    def _bundle(self, name: str) -> Path:
        assert self._models is not None
        return self._models / publish.BUILDS / name
