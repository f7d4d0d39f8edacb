"""The verbs around bundles: build, models, rollback."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from edge import app
from edge.calibrate import Asked, Gate
from edge.cli import printing
from edge.cli.flags import PATH, Verb, json_flag
from edge.core.build import RANGE_METHODS, RangeMethod

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
    "--calibrator",
    type=click.Choice(["auto", *RANGE_METHODS]),
    default="auto",
    show_default=True,
    help="How ranges are found; auto tries all and keeps the best that passes.",
)
@click.option("--neck", is_flag=True, help="Also try INT8 in the neck, for speed; same gate.")
@click.option(
    "--calibrate", type=click.IntRange(1, 100_000), default=300, show_default=True, help="At most."
)
@click.option("--accept-unproven", is_flag=True, help="Let too little evidence pass; it is noted.")
@_out
@json_flag
def build(
    model: Path,
    images: Path,
    labels: Path | None,
    precision: Asked,
    calibrator: str,
    neck: bool,
    calibrate: int,
    accept_unproven: bool,
    out: Path,
    json_to: str | None,
) -> None:
    """Quantise, prove and publish. What fails the gate is never published by itself.

    Part of the images is held out; every candidate is compared with the FP32 model on them.
    Exit code 65 and no change when nothing passes.
    """
    methods: tuple[RangeMethod, ...] = RANGE_METHODS
    if calibrator != "auto":
        methods = tuple(method for method in RANGE_METHODS if method == calibrator)
    request = app.BuildRequest(
        model=model,
        images=images,
        labels=labels,
        out=out,
        asked=precision,
        methods=methods,
        neck=neck,
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
