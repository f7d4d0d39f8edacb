"""The verbs around bundles: build, models, rollback."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from edge import app
from edge.calibrate import Search
from edge.cli import printing
from edge.cli.flags import PATH, Verb, json_flag
from edge.core.build import CALIBRATORS, RANGE_METHODS, Asked
from edge.core.gate import Gate

_out = click.option(
    "--out", type=PATH, default=Path("models"), show_default=True, help="Folder of all builds."
)


@click.command(
    cls=Verb,
    short_help="A proven bundle from a model and the factory's images.",
    epilog="""
    edge build --model m.onnx --images calib/images --labels calib/labels
    edge build --model m.onnx --images calib/ --precision int8 --calibrator minmax --json -
    """,
)
@click.option("--model", type=PATH, required=True, metavar="M", help="ONNX file; see edge export.")
@click.option("--images", type=PATH, required=True, help="Folder of images of this very line.")
@click.option("--labels", type=PATH, help="YOLO text folder or COCO JSON: the gate then knows mAP.")
@click.option(
    "--precision",
    type=click.Choice(["auto", "int8", "fp16", "fp32"]),
    default="auto",
    show_default=True,
    help="auto descends until something passes; int8 publishes INT8, mixed, or nothing.",
)
@click.option(
    "--runtime",
    type=click.Choice(["auto", "tensorrt", "onnxruntime"]),
    default="auto",
    show_default=True,
    help="auto: TensorRT where it and a GPU are, else ONNX Runtime on the CPU.",
)
@click.option(
    "--calibrator",
    type=click.Choice(["auto", *RANGE_METHODS, *CALIBRATORS]),
    default="auto",
    show_default=True,
    help="How ranges are found; auto tries the first four and keeps the best that passes. "
    "trt-...: TensorRT's own (8 and 10), while it builds.",
)
@click.option("--neck", is_flag=True, help="Also try INT8 in the neck, for speed; same gate.")
@click.option(
    "--calibrate", type=click.IntRange(1, 100_000), default=300, show_default=True, help="At most."
)
@click.option("--accept-unproven", is_flag=True, help="Let too little evidence pass; it is noted.")
@click.option(
    "--level",
    type=click.IntRange(0, 5),
    default=3,
    show_default=True,
    help="TensorRT's optimisation level: how long it looks for faster kernels.",
)
@click.option(
    "--workspace", type=click.IntRange(16), default=1024, show_default=True, help="MiB for a layer."
)
@click.option(
    "--batch",
    type=click.IntRange(1, 8),
    default=1,
    show_default=True,
    help="TensorRT: frames at once, such as one of each camera.",
)
@click.option("--dla", type=click.IntRange(0), help="TensorRT: run on this DLA core.")
@click.option(
    "--time-limit", type=float, default=7200.0, show_default=True, help="Seconds for one engine."
)
@_out
@json_flag
def build(
    model: Path,
    images: Path,
    labels: Path | None,
    precision: Asked,
    runtime: app.RuntimeAsked,
    calibrator: str,
    neck: bool,
    calibrate: int,
    accept_unproven: bool,
    level: int,
    workspace: int,
    batch: int,
    dla: int | None,
    time_limit: float,
    out: Path,
    json_to: str | None,
) -> None:
    """Quantise, prove and publish. What fails the gate is never published by itself.

    Part of the images is held out; every candidate is compared with the FP32 model on them, as
    a graph on ONNX Runtime and, where TensorRT is to run it, as the engine that was really built.
    A model with Q/DQ of its own keeps it. Exit code 65 and no change when nothing passes.
    """
    request = app.BuildRequest(
        model=model,
        images=images,
        labels=labels,
        out=out,
        asked=precision,
        runtime=runtime,
        search=_search(calibrator, neck),
        engine=app.EngineSettings(workspace, level, dla, time_limit, batch),
        gate=Gate(accept_unproven=accept_unproven),
        calibrate=calibrate,
        key=app.bundle_key(),
    )
    with printing.steps() as told:
        report = app.build(request, told, printing.rung)
    if json_to is None:
        printing.build(report)
    else:
        printing.result(report, json_to)
    if report["bundle"] is None:
        sys.exit(65)


@click.command(
    cls=Verb,
    short_help="A new bundle on the device, while the line runs.",
    epilog="edge recalibrate -c edge.yaml\nedge recalibrate -c edge.yaml --json -",
)
@click.option(
    "-c", "--config", type=PATH, required=True, help="Of the service; see docs/edge.yaml."
)
@json_flag
def recalibrate(config: Path, json_to: str | None) -> None:
    """Build from the factory's images and those collected from the line, gate, and publish.

    The running service takes the new bundle between two frames, on trial, and goes back by
    itself. Exit code 65 and no change when nothing passes, 75 when another one is at it.
    """
    settings = app.load_service_config(config)
    with printing.steps() as told:
        report = app.recalibrate(settings, told, printing.rung)
    printing.result(report, json_to)
    if not report["passed"]:
        sys.exit(65)


def _search(calibrator: str, neck: bool) -> Search:
    if calibrator == "auto":
        return Search(neck=neck)
    return Search(
        methods=tuple(method for method in RANGE_METHODS if method == calibrator),
        calibrators=tuple(own for own in CALIBRATORS if own == calibrator),
        neck=neck,
    )


@click.command(cls=Verb, short_help="The bundles here.", epilog="edge models\nedge models --json -")
@_out
@json_flag
def models(out: Path, json_to: str | None) -> None:
    """List the bundles, newest first; what is broken or foreign says why."""
    found = app.models(out)
    if json_to is None:
        printing.models(found)
    else:
        printing.result({"models": found}, json_to)


@click.command(cls=Verb, short_help="Back to the bundle before.", epilog="edge rollback")
@_out
@json_flag
def rollback(out: Path, json_to: str | None) -> None:
    """Make the previous bundle the current one; once more goes forward again."""
    printing.result(app.rollback(out), json_to)
