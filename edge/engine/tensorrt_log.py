"""What TensorRT says, kept for error messages."""

from __future__ import annotations

import logging
from collections import deque
from typing import Any

_log = logging.getLogger(__name__)
_KEPT = 20


class TensorRtLog:
    """A logger for TensorRT that keeps its last errors.

    Attributes:
        logger: what TensorRT's constructors take; it must outlive what they make.
    """

    def __init__(self, module: Any, name: str) -> None:
        """Prepare one for a TensorRT module, called ``name`` in the log."""
        self._errors: deque[str] = deque(maxlen=_KEPT)
        self.logger = _logger(module, name, self._errors)

    def last(self) -> str:
        """Its last errors on one line, for a message."""
        return "; ".join(dict.fromkeys(self._errors)) or "it gave no reason"


def _logger(module: Any, name: str, errors: deque[str]) -> Any:
    base: Any = module.ILogger
    bad = (base.INTERNAL_ERROR, base.ERROR)

    class Logger(base):  # type: ignore[misc]  # TensorRT calls log() by name
        def __init__(self) -> None:
            base.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            if severity in bad:
                errors.append(message.strip())
                _log.debug("%s: %s", name, message)  # raised by whoever asked for the work

    return Logger()
