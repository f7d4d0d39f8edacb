"""What the service as a whole is doing; a state cannot say more than what was looked at."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from enum import Enum


class ServiceState(str, Enum):
    """In one word. The worst that is true wins; the reasons tell the rest."""

    FAULTED = "faulted"
    BLIND = "blind"
    FALLBACK = "fallback"
    DEGRADED = "degraded"
    STARTING = "starting"
    RECALIBRATING = "recalibrating"
    RUNNING = "running"


_WORST_FIRST = tuple(ServiceState)
INSPECTING = frozenset(
    {
        ServiceState.RUNNING,
        ServiceState.RECALIBRATING,
        ServiceState.DEGRADED,
        ServiceState.FALLBACK,
    }
)
"""In these at least one camera is being inspected by a model that is trusted."""
CONDITIONS = (ServiceState.FAULTED, ServiceState.FALLBACK, ServiceState.RECALIBRATING)
"""Those that do not follow from the cameras."""


class Conditions:
    """What is so at present besides the cameras' states, each with its reason; for any thread.

    A *condition* changes the service's state. A *warning* changes nothing, the line is inspected
    as ever, but a person should look after it: heat, a full disk, a configuration that was refused.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reasons: dict[ServiceState, str] = {}
        self._warnings: dict[str, str] = {}

    def begin(self, state: ServiceState, reason: str) -> None:
        """From now on this is so."""
        with self._lock:
            self._reasons[state] = reason

    def end(self, state: ServiceState) -> None:
        """It is no longer so."""
        with self._lock:
            self._reasons.pop(state, None)

    def reasons(self) -> dict[ServiceState, str]:
        """All that is so, with its reasons."""
        with self._lock:
            return dict(self._reasons)

    def warn(self, about: str, reason: str) -> bool:
        """From now on somebody should look after this; whether that is news."""
        with self._lock:
            news = about not in self._warnings
            self._warnings[about] = reason
            return news

    def calm(self, about: str) -> bool:
        """Nobody needs to any more; whether that is news."""
        with self._lock:
            return self._warnings.pop(about, None) is not None

    def warnings(self) -> dict[str, str]:
        """All that somebody should look after, by what it is about."""
        with self._lock:
            return dict(self._warnings)

    def told(self) -> list[dict[str, str]]:
        """Everything for a page: ``state``, or ``warning``, and ``reason``."""
        so = [{"state": state.value, "reason": why} for state, why in self.reasons().items()]
        return so + [{"state": "warning", "reason": why} for why in self.warnings().values()]


def worst(cameras: ServiceState, conditions: Mapping[ServiceState, str]) -> ServiceState:
    """The state in one word, of what the cameras say and of what else is so."""
    return min((cameras, *conditions), key=_WORST_FIRST.index)
