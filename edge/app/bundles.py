"""What bundles are here, and going back to the one before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge.app.parts import bundle_key
from edge.core.errors import EdgeError
from edge.engine import publish
from edge.engine.bundle import verify


def models(out: Path) -> list[dict[str, Any]]:
    """Every bundle, newest first, with its state; ``problem`` is empty when it can be run here."""
    return [
        {
            "bundle": str(listed.path),
            "current": listed.current,
            "previous": listed.previous,
            **_checked(listed.path),
        }
        for listed in publish.list_bundles(out)
    ]


def _checked(bundle: Path) -> dict[str, Any]:
    try:
        manifest = verify(bundle, key=bundle_key())
    except EdgeError as error:
        return {"precision": None, "source": None, "problem": str(error)}
    return {
        "precision": manifest.precision.value,
        "source": manifest.source.name,
        "problem": "",
    }


def rollback(out: Path) -> dict[str, Any]:
    """The previous bundle becomes the current one."""
    left, now = publish.rollback(out)
    return {"from": left, "to": now, "passed": True, "reason": "asked for by the operator"}
