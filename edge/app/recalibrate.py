"""A new bundle while the line runs, from the factory's images and those that it collected."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge.app.build import BuildRequest, build
from edge.app.keeping import collected_folder
from edge.app.parts import bundle_key, model_to_use
from edge.app.work import Told
from edge.core.build import Rung
from edge.core.config import EdgeConfig
from edge.core.errors import ConfigError
from edge.engine import publish

NICE = 10
"""Live frames come first."""


def recalibrate(config: EdgeConfig, told: Told, tried: Callable[[Rung], None]) -> dict[str, Any]:
    """Build, prove and publish; the running service then takes the bundle, on trial.

    Args:
        config: of the service.
        told: progress.
        tried: each rung of the ladder as soon as it is judged.

    Returns:
        ``from``, ``to``: names of the bundles; ``passed``; ``reason``; ``page``: the report's.

    Raises:
        ConfigError: the configuration does not say what to build from, or runs no bundle that
            can be exchanged.
        BusyError: another recalibration is going on.
    """
    settings, models = config.recalibrate, _models(config)
    if settings is None:
        raise ConfigError(
            "the configuration has no section 'recalibrate', with model and images. "
            "See docs/edge.yaml"
        )
    collected = collected_folder(config)
    os.nice(NICE)
    with publish.exclusive(models, publish.RECALIBRATION, "recalibration is going on"):
        before = publish.in_use(models)
        request = BuildRequest(
            settings.model,
            settings.images,
            settings.labels,
            models,
            collected=collected if _has_images(collected) else None,
            key=bundle_key(),
        )
        report = build(request, told, tried)
        after = publish.in_use(models)
    passed = report["bundle"] is not None
    reasons = [rung["reason"] for rung in report["ladder"] if rung["passed"] is passed]
    reason = reasons[-1] if reasons else "nothing could be tried"
    return {"from": before, "to": after, "passed": passed, "reason": reason, "page": report["page"]}


def _models(config: EdgeConfig) -> Path:
    model = model_to_use(config.model)
    if model.name != publish.CURRENT:
        raise ConfigError(
            f"the service runs {model}, which no build replaces. Set model: models/current, and "
            "make the first bundle: edge build"
        )
    return model.parent


def _has_images(folder: Path) -> bool:
    return folder.is_dir() and any(path.suffix == ".jpg" for path in folder.rglob("*"))
