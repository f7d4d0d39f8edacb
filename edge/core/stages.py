"""How long the stages of a frame take, added up for as long as a model is in service."""

from __future__ import annotations

from typing import Literal

Stage = Literal["preprocess", "engine", "postprocess"]


class Stages:
    """Written by the one thread that runs a detector, read by any.

    Attributes:
        frames: inspected so far.
        seconds: spent in each stage so far.
    """

    def __init__(self) -> None:
        self.frames = 0
        self.seconds: dict[Stage, float] = {"preprocess": 0.0, "engine": 0.0, "postprocess": 0.0}

    def add(self, preprocess_s: float, engine_s: float, postprocess_s: float) -> None:
        """Count one frame."""
        self.seconds["preprocess"] += preprocess_s
        self.seconds["engine"] += engine_s
        self.seconds["postprocess"] += postprocess_s
        self.frames += 1
