"""The service that the rooms belong to, as they see it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge.app.keeping import Kept, Start
from edge.app.parts import model_to_use
from edge.core.clock import Clock
from edge.core.config import EdgeConfig
from edge.core.service import ServiceState
from edge.engine.publish import CURRENT
from edge.sinks.overview import Overview


@dataclass(frozen=True, slots=True)
class Service:
    """What runs, who keeps it right, and where it remembers.

    Attributes:
        config: of it.
        start: what it runs.
        kept: who keeps that right.
        overview: how it is.
        state: folder in which the rooms keep what is theirs.
        clock: of it.
    """

    config: EdgeConfig
    start: Start
    kept: Kept
    overview: Overview
    state: Path
    clock: Clock

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names, by class id."""
        return self.start.switch.labels

    @property
    def cameras(self) -> list[str]:
        """Names, in their order."""
        return [camera.name for camera in self.config.cameras]

    @property
    def builds(self) -> Path | None:
        """The folder of builds; None: no build replaces what runs."""
        model = model_to_use(self.config.model)
        return model.parent if model.name == CURRENT and model.is_symlink() else None

    def bundle(self) -> str:
        """Name of what is in service."""
        keeper = self.kept.keeper
        return (keeper.serving if keeper else self.start.serving).name

    def is_on_trial(self, bundle: str) -> bool:
        """Whether this bundle, which is published, has yet to prove itself in service."""
        if self.kept.keeper is None:
            return False
        figures = self.kept.keeper.figures
        return figures.on_trial or figures.bundle != bundle

    def is_trusted(self) -> bool:
        """Whether what the model says is to be believed."""
        return ServiceState.FAULTED not in self.overview.conditions.reasons()
