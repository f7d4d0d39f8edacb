from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from edge.core.service import Conditions, ServiceState
from edge.core.types import CameraState, Detections, Verdict
from edge.sinks.metrics import MAX_LABELS, Metrics
from tests.sinks.parts import LABELS, TestClock, found, frame, status


def samples(metrics: Metrics) -> dict[tuple[str, ...], float]:
    families = text_string_to_metric_families(metrics.exposition().decode())
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def test_frames_boxes_drops_ages_and_viewers_are_counted() -> None:
    metrics = Metrics(LABELS, viewers=lambda: 3, clock=TestClock(100.0))
    metrics.emit(frame(2, at=99.97), found(0, 0, 2))
    metrics.emit(frame(3, at=98.5), Detections.none())
    seen = samples(metrics)
    assert seen["edge_frames_total", "line-1"] == 2
    assert seen["edge_frames_dropped_total", "line-1"] == 2
    assert seen["edge_detections_total", "line-1", "scratch"] == 2
    assert seen["edge_detections_total", "line-1", "crack"] == 1
    assert seen["edge_frame_age_seconds_bucket", "line-1", "0.05"] == 1
    assert seen["edge_frame_age_seconds_bucket", "line-1", "2.0"] == 2
    assert seen["edge_frame_age_seconds_sum", "line-1"] == pytest.approx(1.53)
    assert seen["edge_viewers",] == 3


def test_verdicts_are_counted_where_there_are_rules() -> None:
    metrics = Metrics(LABELS)
    for verdict in (Verdict.NG, Verdict.NG, Verdict.UNKNOWN, None):
        metrics.emit(frame(), replace(found(0), verdict=verdict))
    seen = samples(metrics)
    assert seen["edge_verdicts_total", "line-1", "ng"] == 2
    assert seen["edge_verdicts_total", "line-1", "unknown"] == 1
    assert len([key for key in seen if key[0] == "edge_verdicts_total"]) == 2


def test_a_camera_is_in_one_state_at_a_time() -> None:
    metrics = Metrics(LABELS)
    for state in (CameraState.LIVE, CameraState.LOST):
        metrics.camera_changed(status(state))
        shown = {key[2]: value for key, value in samples(metrics).items() if "state" in key[0]}
        assert shown == {each.value: float(each is state) for each in CameraState}


def test_a_model_of_many_classes_cannot_flood_the_database() -> None:
    metrics = Metrics([f"class-{number}" for number in range(5000)])
    ids = np.arange(-1, 5001, dtype=np.int32)
    boxes = np.zeros((len(ids), 4), np.float32)
    metrics.emit(frame(), Detections(boxes, np.ones(len(ids), np.float32), ids))
    counted = [key for key in samples(metrics) if key[0] == "edge_detections_total"]
    assert len(counted) == MAX_LABELS + 1


def test_what_is_so_at_the_service_is_told_when_somebody_asks() -> None:
    conditions = Conditions()
    metrics = Metrics(LABELS, conditions=conditions)
    shown = ("faulted", "fallback", "recalibrating")
    assert [samples(metrics)["edge_service_condition", name] for name in shown] == [0, 0, 0]
    conditions.begin(ServiceState.FALLBACK, "they disagree")
    assert [samples(metrics)["edge_service_condition", name] for name in shown] == [0, 1, 0]
