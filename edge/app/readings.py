"""What the service can tell about its model and itself, in figures."""

from __future__ import annotations

from collections.abc import Iterator

import edge
from edge.app.figures import Figures
from edge.app.serving import Serving
from edge.core.readings import Metric, Reading
from edge.core.service import Conditions, ServiceState

BUNDLE = Metric(
    "edge_bundle_info", "1; the bundle or ONNX file in service", ("bundle", "precision")
)
FAULTS = Metric(
    "edge_engine_faults_total",
    "Answers of the engine that were none; the fallback inspected these frames",
    kind="counter",
)
STAGES = Metric(
    "edge_stage_seconds_total",
    "Time spent in preprocess, engine and postprocess, by engine and fallback; from the CPU's path",
    ("engine", "stage"),
    "counter",
)
STAGED = Metric(
    "edge_stage_frames_total", "Frames that it was spent on", ("engine",), kind="counter"
)
FALLBACK = Metric("edge_engine_on_fallback", "1 while the bundle's fallback engine runs")
TRIAL = Metric("edge_bundle_on_trial", "1 until the bundle has been confirmed on live frames")
COMPARED = Metric(
    "edge_agreement_frames_total",
    "Live frames that went through both engines since the bundle is in service",
    kind="counter",
)
AGREEMENT = Metric(
    "edge_agreement_f1_ratio",
    "Agreement of engine and fallback over the window, 0 to 1; absent without a box",
    ("iou",),
)
WINDOW = Metric("edge_agreement_window_boxes", "Boxes of both engines that this is judged by")
ALONE = Metric(
    "edge_model_alone_seconds",
    "A frame through the model in service with no build beside it, timed when it was taken",
)
DISTANCE = Metric(
    "edge_drift_distance_ratio", "How far the line is from its baseline, 0 to 1", ("kind",)
)
DRIFTED = Metric("edge_drifted", "1 while that is too far", ("kind",))
MODEL = (
    BUNDLE,
    FAULTS,
    STAGES,
    STAGED,
    FALLBACK,
    TRIAL,
    COMPARED,
    AGREEMENT,
    WINDOW,
    ALONE,
    DISTANCE,
    DRIFTED,
)

BUILD = Metric("edge_build_info", "1; the version of this program", ("version",))
STATE = Metric("edge_service_state", "1 for the state that the service is in", ("state",))
WARNING = Metric("edge_service_warning", "1 for what somebody should look after", ("about",))
RELOADED = Metric(
    "edge_config_last_reload_successful", "0 while the file holds what was refused, else 1"
)
SERVICE = (BUILD, STATE, WARNING, RELOADED)
CONFIGURATION = "configuration"
"""What the warning is about while an edited configuration is refused."""


def of_model(serving: Serving, figures: Figures | None) -> Iterator[Reading]:
    """Of what is in service; ``figures`` only where somebody keeps that right."""
    yield BUNDLE.at(1, serving.name, serving.precision)
    yield FAULTS.at(serving.faults)
    for engine, stages in serving.stages.items():
        yield STAGED.at(stages.frames, engine)
        yield from (STAGES.at(seconds, engine, name) for name, seconds in stages.seconds.items())
    if figures is not None:
        yield FALLBACK.at(figures.on_fallback)
        yield TRIAL.at(figures.on_trial)
        if figures.alone_s is not None:
            yield ALONE.at(figures.alone_s)
    if figures is not None and serving.fallback is not None:
        yield from _of_figures(figures)


def _of_figures(figures: Figures) -> Iterator[Reading]:
    seen = figures.agreement
    yield COMPARED.at(figures.compared)
    yield WINDOW.at(seen.boxes)
    for iou, f1 in (("0.50", seen.f1_50), ("0.85", seen.f1_85)):
        if f1 is not None:
            yield AGREEMENT.at(f1, iou)
    for kind, distance in figures.drift.distances.items():
        if distance is not None:
            yield DISTANCE.at(distance, kind)
            yield DRIFTED.at(kind in figures.drift.drifted, kind)


def of_service(state: str, conditions: Conditions) -> Iterator[Reading]:
    """Of the service as a whole."""
    yield BUILD.at(1, edge.__version__)
    yield from (STATE.at(each.value == state, each.value) for each in ServiceState)
    warnings = conditions.warnings()
    yield from (WARNING.at(1, about) for about in warnings)
    yield RELOADED.at(CONFIGURATION not in warnings)
