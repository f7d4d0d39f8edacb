"""What TensorRT says, kept for error messages."""

from __future__ import annotations

import logging
from collections import deque
from typing import Any

_log = logging.getLogger(__name__)
_KEPT = 3  # messages for an error's text; one fault brings a handful


class TensorRtLog:
    """A logger for TensorRT that keeps its last errors and warnings.

    Attributes:
        logger: what TensorRT's constructors take; it must outlive what they make.
    """

    def __init__(self, module: Any, name: str) -> None:
        """Prepare one for a TensorRT module, called ``name`` in the log."""
        self._errors: deque[str] = deque(maxlen=_KEPT)
        self._warnings: deque[str] = deque(maxlen=_KEPT)
        self.logger = _logger(module, name, self._errors, self._warnings)

    def last(self) -> str:
        """Its last errors on one line, for a message; a missing GPU is only a warning to it."""
        return "; ".join(dict.fromkeys(self._errors or self._warnings)) or "it gave no reason"


def _logger(module: Any, name: str, errors: deque[str], warnings: deque[str]) -> Any:
    base: Any = module.ILogger
    kept = {base.INTERNAL_ERROR: errors, base.ERROR: errors, base.WARNING: warnings}

    class Logger(base):  # type: ignore[misc]  # TensorRT calls log() by name
        def __init__(self) -> None:
            base.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            if severity in kept:
                kept[severity].append(message.strip())
                _log.debug("%s: %s", name, message)  # raised by whoever asked for the work

    return Logger()
