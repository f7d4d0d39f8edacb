"""A folder of real bundles, and the start of a service from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge.app.keeping import starting
from edge.core.config import CameraConfig, EdgeConfig, SinksConfig
from edge.core.service import Conditions
from edge.engine import publish
from edge.engine.bundle import write_bundle
from tests.engine.bundles import fields, files


class Plant:
    """A folder of real bundles, and a service that starts from it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.models = folder / "models"
        self.key = folder / "key"
        monkeypatch.setenv("STATE_DIRECTORY", str(folder / "state"))
        monkeypatch.setenv("EDGE_KEY_FILE", str(self.key))
        (folder / "work").mkdir()

    def publish(self, **changes: Any) -> Path:
        made = files(self.folder / "work")
        bundle = write_bundle(self.models, made, fields(**changes), key=self.key)
        publish.publish(self.models, bundle)
        return bundle

    @property
    def config(self) -> EdgeConfig:
        """Of a service with one rendered camera that follows the folder."""
        camera = CameraConfig(name="c", uri="pattern://?size=64x64&fps=50")
        sinks = SinksConfig(web=None)
        return EdgeConfig(cameras=[camera], model=self.models / "current", sinks=sinks)

    def start(self) -> tuple[str, list[str]]:
        """Name of the bundle that a start chooses, and what it writes into the history."""
        config = self.config
        assert config.model
        with starting(config, config.model, Conditions()) as start:
            assert start.store
            told = [event.text for event in start.store.history() if event.kind == "rolled back"]
            start.serving.close()
            return start.serving.name, told

    @property
    def current(self) -> str | None:
        return publish.in_use(self.models)
