"""A whole small service for the rooms: real stores, real bundles, a real server."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from edge.app.keeping import Kept, Start
from edge.app.rooms import OpenRooms, Service, open_rooms
from edge.app.serving import Serving
from edge.core.config import EdgeConfig, WebConfig
from edge.core.ports import Sink
from edge.core.service import Conditions
from edge.core.types import CameraState, Detections, Frame
from edge.engine.gpu_frames import PinnedPools
from edge.engine.publish import publish
from edge.host.state import StateStore
from edge.live import ModelSwitch
from edge.sinks.collect import Collect
from edge.sinks.overview import Overview
from edge.sinks.record import Record
from edge.sinks.web.rooms import routes
from edge.sinks.web.server import LiveView
from tests.engine.bundles import fields, files
from tests.fakes import FakeDetector
from tests.sinks.parts import ABOUT, LABELS, TestClock, found, frame, status, until

WHO = {"who": "Ann", "why": "a new product"}
SQUARE = [[0.0, 0.0], [0.5, 0.0], [0.5, 1.0], [0.0, 1.0]]
RULES = {"regions": [{"name": "left", "polygon": SQUARE}], "classes": {"scratch": {}}}
REPORT = "<!doctype html><title>report</title>"


class StillClock(TestClock):
    """Who waits for it waits until told to stop: the test does what a rhythm would do."""

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        return stop.wait()


class Finder(FakeDetector):
    """Finds what the page knows the names of."""

    labels = LABELS


@dataclass
class House:
    """The service while it is open."""

    folder: Path
    url: str
    conditions: Conditions
    clock: TestClock
    collect: Collect
    opened: OpenRooms
    sinks: Sequence[Sink]
    indexes: Iterator[int]

    def get(self, path: str, **parameters: Any) -> httpx.Response:
        return httpx.get(self.url + path, params=parameters or None)

    def change(self, method: str, path: str, body: Any) -> httpx.Response:
        headers = {"X-Edge": "1", "Origin": self.url, "Content-Type": "application/json"}
        text = json.dumps(body)
        return httpx.request(method, self.url + path, content=text, headers=headers, timeout=60)

    def show(
        self,
        detections: Detections,
        *,
        age_s: float = 0.1,
        camera: str = "line-1",
        after_s: float = 100.0,
    ) -> None:
        """One inspected frame, long after the one before; recorded when this returns."""
        self.clock.time += after_s
        before = self._taken_care_of()
        index = next(self.indexes)
        picture = frame(index, at=self.clock.time - age_s, camera=camera)
        for sink in self.sinks:
            sink.emit(picture, detections)
        if self._record is not None:
            until(lambda: self._taken_care_of() > before, "recorded")

    @property
    def _record(self) -> Record | None:
        return self.opened.rooms.record if self.opened.rooms else None

    def _taken_care_of(self) -> int:
        """Frames that were recorded, or refused by the disk."""
        if self._record is None:
            return 0
        report = self._record.report()
        return report.kept + report.failures

    def recorded(self, count: int) -> list[dict[str, Any]]:
        """The recorded frames, once there are so many."""
        until(lambda: len(self.get("/api/detections").json()["items"]) == count, "recorded")
        items: list[dict[str, Any]] = self.get("/api/detections").json()["items"]
        return items


def a_bundle(folder: Path, boxes: int) -> str:
    """A published bundle with a report; what it is called."""
    from edge.engine.bundle import write_bundle

    work = folder / f"work-{boxes}"
    page = work / "report.html"
    made = files(work)
    page.write_text(REPORT)
    report = work / "report.json"
    score = '{"map": 0.9, "map50": 0.95, "agreement": {"f1_50": 0.99, "f1_85": 0.97, "images": 9}}'
    report.write_text(
        '{"published": "int8 minmax", "ladder": [{"candidate": "fp32", "score": null},'
        f'{{"candidate": "int8 minmax", "score": {score}}}]}}'
    )
    made |= {"report.html": page, "report.json": report}
    bundle = write_bundle(folder / "models", made, fields(), key=folder / "key")
    publish(folder / "models", bundle)
    return bundle.name


def a_config(folder: Path, **sections: Any) -> EdgeConfig:
    return EdgeConfig.model_validate(
        {
            "cameras": [
                {"name": "line-1", "uri": "pattern://"},
                {"name": "line-2", "uri": "rtsp://bob:CANARY@10.0.0.7/"},
            ],
            "model": folder / "models" / "current",
            "sinks": {
                "collect": {"least_free_mb": 0.0, "every_s": 1.0},
                "record": {"least_free_mb": 0.0},
            },
            **sections,
        }
    )


def a_serving() -> Serving:
    """A model in service, without an engine."""
    serving = object.__new__(Serving)
    serving.name, serving.detector = "bundle-1", Finder()
    return serving


@contextmanager
def a_house(folder: Path, config: EdgeConfig | None = None) -> Iterator[House]:
    """Open it below ``folder``, where bundles may have been published before."""
    config = config or a_config(folder)
    clock, conditions = StillClock(1000.0), Conditions()
    overview = Overview(clock, conditions)
    assert config.sinks.collect
    with ExitStack() as stack:
        store = stack.enter_context(closing(StateStore(folder / "state" / "state.db")))
        collected = folder / "collected"
        collect = stack.enter_context(closing(Collect(config.sinks.collect, collected, 0.25)))
        serving = a_serving()
        start = Start(serving, ModelSwitch(serving.detector), None, store, PinnedPools())
        kept = Kept([], collect=collect)
        service = Service(config, start, kept, overview, folder / "state", clock)
        opened = stack.enter_context(open_rooms(service))
        assert opened.rooms
        view = LiveView(
            WebConfig(port=0),
            ABOUT,
            clock=clock,
            conditions=conditions,
            rooms=routes(opened.rooms),
        )
        stack.enter_context(view)
        sinks: list[Sink] = [overview, *opened.judged([view])]
        yield House(folder, view.url, conditions, clock, collect, opened, sinks, itertools.count())


def say_live(house: House) -> None:
    for camera in ("line-1", "line-2"):
        for sink in house.sinks:
            sink.camera_changed(status(CameraState.LIVE, camera=camera, at=house.clock.time))


def noise(seed: int) -> Frame:
    """A picture like no other."""
    cells = np.random.default_rng(seed).integers(40, 200, (6, 8, 3))
    return Frame(np.kron(cells, np.ones((20, 20, 1))).astype(np.uint8), seed, float(seed), "line-1")


def fill(house: House, frames: int = 3) -> None:
    """Some recorded and collected frames."""
    say_live(house)
    for index in range(frames):
        house.show(found(index % 3, 2))
        house.collect.keep(noise(index))
        until(lambda index=index: house.collect.report().images > index, "collected")  # type: ignore[misc]
    house.recorded(frames)
