"""The rules of every camera: kept, changed while the line runs, applied to every frame."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from edge.core.clock import Clock
from edge.core.errors import DataError, InputMissingError
from edge.core.line import LineRules
from edge.core.ports import Sink
from edge.core.types import CameraStatus, Detections, Frame, Verdict
from edge.host.ledger import Ledger, RulesVersion
from edge.sinks.record.export import utc
from edge.sinks.web.rooms import Act, OutdatedError
from edge.vision.verdict import Judge

_RULES: TypeAdapter[LineRules | None] = TypeAdapter(LineRules | None)


class Line:
    """Rules by camera. The loop judges by them, other threads change them, nobody waits."""

    def __init__(
        self,
        ledger: Ledger,
        cameras: Sequence[str],
        labels: Sequence[str],
        *,
        trusted: Callable[[], bool] = lambda: True,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Take up the rules that were set last.

        Args:
            ledger: where they are kept.
            cameras: names.
            labels: class names of the model, by class id.
            trusted: whether what the model says is to be believed now.
            wall: seconds since 1970 in UTC.
        """
        self._ledger = ledger
        self._cameras = cameras
        self._labels = labels
        self._trusted = trusted
        self._wall = wall
        self._changing = threading.Lock()
        self._versions = ledger.rules()
        self._judges = {
            name: judge
            for name, version in self._versions.items()
            if (judge := self._judge(_rules(version))) is not None
        }

    def judged(self, frame: Frame, detections: Detections, age_s: float) -> Detections:
        """The detections with their verdict; without one where the camera has no rules."""
        judge = self._judges.get(frame.camera)
        if judge is None:
            return detections
        verdict = judge(detections, frame.size, age_s) if self._trusted() else Verdict.UNKNOWN
        return dataclasses.replace(detections, verdict=verdict)

    def cameras(self) -> list[dict[str, Any]]:
        """See :class:`edge.sinks.web.rooms.asked.Line`."""
        return [self.camera(name) for name in self._cameras]

    def camera(self, name: str) -> dict[str, Any]:
        """See :class:`edge.sinks.web.rooms.asked.Line`."""
        self._require(name)
        version, judge = self._versions.get(name), self._judges.get(name)
        unknown = {"camera": name, "unknown_labels": list(judge.unknown) if judge else []}
        return unknown | (_row(version) if version else _NO_RULES)

    def versions(self, name: str) -> list[dict[str, Any]]:
        """See :class:`edge.sinks.web.rooms.asked.Line`."""
        self._require(name)
        return [_row(version) for version in self._ledger.versions(name)]

    def change(self, name: str, version: int, rules: LineRules | None, act: Act) -> dict[str, Any]:
        """See :class:`edge.sinks.web.rooms.asked.Line`."""
        self._require(name)
        judge = self._judge(rules)
        if judge is not None and judge.unknown:
            known = ", ".join(self._labels) or "no class"
            raise DataError(f"the model does not find {judge.unknown[0]!r}; it finds {known}")
        with self._changing:
            before = self._versions.get(name)
            newest = before.version if before else 0
            if version != newest:
                raise OutdatedError(
                    f"the rules of {name} are at version {newest}, not {version}: somebody else "
                    "has changed them",
                    self.camera(name),
                )
            text = _RULES.dump_json(rules).decode()
            fresh = RulesVersion(name, newest + 1, text, self._wall(), act.who, act.why)
            self._ledger.set_rules(fresh)
            self._versions = self._versions | {name: fresh}
            others = {key: each for key, each in self._judges.items() if key != name}
            self._judges = others if judge is None else others | {name: judge}
        return self.camera(name)

    def _judge(self, rules: LineRules | None) -> Judge | None:
        return None if rules is None else Judge(rules, self._labels)

    def _require(self, name: str) -> None:
        if name not in self._cameras:
            known = ", ".join(self._cameras)
            raise InputMissingError(f"there is no camera {name!r:.80}; there is {known}")


class Judged:
    """A sink that gives every frame its verdict and passes it on to others."""

    def __init__(self, line: Line, sinks: Sequence[Sink], clock: Clock) -> None:
        """Judge by ``line``, for ``sinks``."""
        self._line = line
        self._sinks = sinks
        self._clock = clock

    def emit(self, frame: Frame, detections: Detections) -> None:
        """Judge one inspected frame; how late its result is counts until here."""
        judged = self._line.judged(frame, detections, self._clock.now() - frame.captured_at)
        for sink in self._sinks:
            sink.emit(frame, judged)

    def camera_changed(self, status: CameraStatus) -> None:
        """Pass it on: a camera that is not live has no frame to judge."""
        for sink in self._sinks:
            sink.camera_changed(status)

    def close(self) -> None:
        """The others are closed by whoever opened them."""


_NO_RULES = {"version": 0, "rules": None, "changed_at": None, "who": None, "why": None}


def _rules(version: RulesVersion) -> LineRules | None:
    """Rules that another version of Edge wrote and this one does not take judge nothing as OK."""
    try:
        return _RULES.validate_json(version.rules)
    except ValidationError:
        return _UNREADABLE


_UNREADABLE = LineRules.model_validate({"classes": {"(rules of another version)": {}}})
"""A class that no model finds: every frame is UNKNOWN until somebody sets rules again."""


def _row(version: RulesVersion) -> dict[str, Any]:
    return {
        "version": version.version,
        "rules": _RULES.dump_python(_rules(version), mode="json"),
        "changed_at": utc(version.at),
        "who": version.who,
        "why": version.why,
    }
