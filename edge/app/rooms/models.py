"""The bundles as the model room shows them, and the way back to the one before."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from edge.app.memory import Memory
from edge.core.errors import DataError, EdgeError, InputMissingError
from edge.engine import publish
from edge.engine.bundle import verified_file
from edge.engine.durable import read_key
from edge.engine.manifest import MANIFEST, Manifest, read_signed
from edge.sinks.web.rooms import Act, NotNowError

REFUSED = "refused"
"""Folder of the report of a build that published nothing, and its name in the room."""
_PAGE, _REPORT = "report.html", "report.json"
_MOST_BYTES = 32 << 20


class ModelRoom:
    """What is below a folder of builds. Nothing is believed before its signature is checked."""

    def __init__(
        self,
        builds: Path | None,
        key: Path,
        memory: Memory | None,
        on_trial: Callable[[str], bool],
        written: Callable[[str, Act], None],
    ) -> None:
        """Look into ``builds``.

        Args:
            builds: folder of builds; None: the service runs a model that no build replaces.
            key: this device's key.
            memory: what became of bundles in service; None: nothing is remembered.
            on_trial: whether a published bundle has yet to prove itself.
            written: writes down what is about to be done.
        """
        self._builds = builds
        self._key = key
        self._memory = memory
        self._on_trial = on_trial
        self._written = written
        self._scores: dict[str, dict[str, Any]] = {}

    def listed(self) -> dict[str, Any]:
        """See :class:`edge.sinks.web.rooms.asked.Models`."""
        listed = publish.list_bundles(self._builds) if self._builds else ()
        bundles = [self._told(each) for each in listed]
        by_status = {each["status"]: each["id"] for each in reversed(bundles)}
        current = next((each.path.name for each in listed if each.current), None)
        previous = next((each.path.name for each in listed if each.previous), None)
        return {
            "current": current,
            "previous": previous,
            "candidate": by_status.get("candidate"),
            "refused": self._builds is not None and (self._builds / REFUSED / _PAGE).is_file(),
            "bundles": bundles,
        }

    def report(self, bundle: str) -> bytes:
        """See :class:`edge.sinks.web.rooms.asked.Models`."""
        builds = self._builds
        if builds is not None and bundle == REFUSED:
            return _read(builds / REFUSED / _PAGE)
        listed = publish.list_bundles(builds) if builds else ()
        for each in listed:
            if each.path.name == bundle:
                return self._file(each.path, self._manifest(each.path), _PAGE)
        raise InputMissingError(f"there is no bundle {bundle!r:.80}")

    def rollback(self, act: Act) -> dict[str, Any]:
        """See :class:`edge.sinks.web.rooms.asked.Models`."""
        builds = self._builds
        now = builds and publish.in_use(builds)
        before = builds and publish.before(builds)
        if builds is None or not now or not before or now == before:
            raise NotNowError("there is no earlier bundle to go back to")
        if self._memory and (why := self._memory.rejected(before)):
            raise NotNowError(f"{before} failed before, and is not tried again: {why}")
        self._written(f"roll back from {now} to {before}", act)
        left, after = publish.rollback(builds)
        return {"from": left, "to": after}

    def _told(self, listed: publish.Listed) -> dict[str, Any]:
        name = listed.path.name
        status, reason = self._status(listed)
        told: dict[str, Any] = {"id": name, "status": status, "reason": reason}
        try:
            manifest = self._manifest(listed.path)
        except EdgeError as error:
            return told | _UNKNOWN | {"reason": reason or str(error)}
        if name not in self._scores:
            self._scores[name] = self._score(listed.path, manifest)
        return told | self._scores[name]

    def _status(self, listed: publish.Listed) -> tuple[str, str]:
        name = listed.path.name
        if self._memory and (why := self._memory.rejected(name)):
            return "rejected", why
        if listed.current:
            return ("candidate", "on trial") if self._on_trial(name) else ("current", "")
        return ("previous", "") if listed.previous else ("old", "")

    def _score(self, bundle: Path, manifest: Manifest) -> dict[str, Any]:
        scores: dict[str, Any] = dict.fromkeys(_SCORES)
        if _REPORT in manifest.files:
            # A report that cannot be understood says nothing.
            with suppress(ValueError, TypeError, KeyError, EdgeError):
                scores = _published(json.loads(self._file(bundle, manifest, _REPORT)))
        machine = manifest.machine
        return scores | {
            "made_at": manifest.created.replace("+00:00", "Z"),
            "precision": manifest.precision.value,
            "runtime": f"{machine.runtime} {machine.runtime_version}",
            "report": _PAGE in manifest.files,
        }

    def _manifest(self, bundle: Path) -> Manifest:
        return read_signed(bundle / MANIFEST, read_key(self._key))

    def _file(self, bundle: Path, manifest: Manifest, name: str) -> bytes:
        if name not in manifest.files:
            raise InputMissingError(f"{bundle.name} came without {name}")
        if manifest.files[name].bytes > _MOST_BYTES:
            raise DataError(f"{bundle.name}: {name} is too large to be shown")
        return verified_file(bundle, manifest, name)


_SCORES = ("map", "map50", "agreement", "agreement_85")
_UNKNOWN = {**dict.fromkeys((*_SCORES, "made_at", "precision", "runtime")), "report": False}


def _published(report: dict[str, Any]) -> dict[str, Any]:
    """Scores of the rung that was published."""
    rungs = {rung["candidate"]: rung for rung in report["ladder"]}
    score = rungs[report["published"]]["score"]
    agreement = score["agreement"] or {}
    return {
        "map": score["map"],
        "map50": score["map50"],
        "agreement": agreement.get("f1_50"),
        "agreement_85": agreement.get("f1_85"),
    }


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputMissingError(f"there is no report of a refused build ({error})") from error
