"""How the model in service stands, in figures that any thread may look at."""

from __future__ import annotations

from dataclasses import dataclass

from edge.watch import DriftVerdict, WatchVerdict


@dataclass(frozen=True, slots=True)
class Figures:
    """One look at the keeper.

    Attributes:
        bundle: in service.
        on_fallback: its fallback engine runs.
        on_trial: it has not been confirmed yet.
        compared: frames that went through both engines since it is in service.
        agreement: of both engines, over the window.
        drift: of the line from its baseline.
        alone_s: of a frame through the model that has the board to itself; None: not known.
    """

    bundle: str
    on_fallback: bool
    on_trial: bool
    compared: int
    agreement: WatchVerdict
    drift: DriftVerdict
    alone_s: float | None
