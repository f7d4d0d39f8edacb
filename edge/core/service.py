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
    """What is so at present besides the cameras' states, each with its reason; for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reasons: dict[ServiceState, str] = {}

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


def worst(cameras: ServiceState, conditions: Mapping[ServiceState, str]) -> ServiceState:
    """The state in one word, of what the cameras say and of what else is so."""
    return min((cameras, *conditions), key=_WORST_FIRST.index)
