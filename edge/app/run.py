"""The service from its file, for as long as it is to run, whatever is written into the file."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from edge.app.parts import model_to_use
from edge.app.reloading import Reload
from edge.app.service import RunReport, load_service_config, open_feeds, serve
from edge.core.clock import Clock, MonotonicClock
from edge.core.config import EdgeConfig
from edge.core.errors import EdgeError, InputMissingError
from edge.host.logs import logging_sparingly
from edge.host.notify import Notifier


def serve_file(
    path: Path, ready: Callable[[str | None], None], seconds: float | None = None
) -> RunReport:
    """Run the service; SIGHUP reads ``edge.yaml`` again and, if all is well, begins anew with it.

    Args:
        path: of the configuration.
        ready: called with the live view's address, once for each configuration in force.
        seconds: stop after this long; None: never.

    Returns:
        The report of the last configuration's run.

    Raises:
        EdgeError: the first configuration cannot be used, or what runs broke down.
    """
    clock = MonotonicClock()
    until = None if seconds is None else clock.now() + seconds
    with closing(Notifier.from_environment()) as heartbeat:
        reload = Reload(load_service_config(path), lambda: _checked(path, clock), heartbeat)

        def opened(url: str | None) -> None:
            reload.opened()
            ready(url)

        with logging_sparingly(), reload.listening():
            while True:
                logging.getLogger().setLevel(reload.config.log.upper())
                left = None if until is None else max(0.0, until - clock.now())
                try:
                    report = serve(reload.config, opened, left, reload=reload)
                except EdgeError as error:
                    if not reload.go_back(error):
                        raise
                    continue
                if not reload.pending:
                    return report
                reload.begin()


def _checked(path: Path, clock: Clock) -> EdgeConfig:
    """A configuration that can be used, as far as that can be told without opening anything."""
    config = load_service_config(path)
    open_feeds(config, clock)
    model = model_to_use(config.model)
    if not model.exists():
        raise InputMissingError(f"{model}: there is no such model")
    return config
