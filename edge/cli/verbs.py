"""The verbs of ``edge`` and their flags."""

from __future__ import annotations

import dataclasses
import json
import logging
import sys
from pathlib import Path

import click

import edge
from edge import app
from edge.cli import benching, building, installing, people, printing
from edge.cli.flags import (
    PATH,
    SEEDS,
    SIZE,
    Group,
    Verb,
    conf_flag,
    iou_flag,
    json_flag,
    model_flag,
)
from edge.core.config import DetectConfig
from edge.core.errors import EdgeError
from edge.core.types import Size


@click.group(
    cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(edge.__version__, "--version", message="edge %(version)s")
@click.option("-v", "--verbose", is_flag=True, help="Log what happens, not only what goes wrong.")
def cli(verbose: bool) -> None:
    """Vision on a production line: camera -> YOLOv8 -> live detections, every number measured."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO if verbose else logging.WARNING,
        format="%(levelname)s %(name)s: %(message)s",
    )


@cli.command(
    cls=Verb,
    short_help="The whole product on a rendered line, live view included.",
    epilog="""
    edge demo
    edge demo --port 8080
    edge demo --seconds 20 --json -
    """,
)
@click.option("--seconds", type=click.FloatRange(min=0.1), help="Stop after this long.")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8000,
    show_default=True,
    help="Port of the live view; 0 takes a free one.",
)
@json_flag
def demo(seconds: float | None, port: int, json_to: str | None) -> None:
    """The whole product: shipped model, rendered production line, live view. No GPU, no camera."""
    report = app.demo(seconds, port, printing.announce("Ctrl-C ends the demo."))
    printing.result(dataclasses.asdict(report), json_to)


@cli.command(
    cls=Verb,
    short_help="The service: cameras to detections, from a YAML file.",
    epilog="""
    edge run -c edge.yaml
    edge run -c edge.yaml --seconds 60 --json -
    """,
)
@click.option("-c", "--config", type=PATH, required=True, help="Configuration; see docs/edge.yaml.")
@click.option("--seconds", type=click.FloatRange(min=0.1), help="Stop after this long.")
@json_flag
def run(config: Path, seconds: float | None, json_to: str | None) -> None:
    """The service: every configured camera through the detector to every sink, until SIGTERM.

    SIGHUP reads the configuration again; one with an error is refused, and that is told.
    """
    report = app.serve_file(config, printing.announce("SIGTERM or Ctrl-C ends it."), seconds)
    printing.result(dataclasses.asdict(report), json_to)


@cli.command(
    cls=Verb,
    short_help="Detections in still images.",
    epilog="""
    edge detect part.jpg
    edge detect calib_images/images --out annotated/
    edge detect '*.png' --model m.onnx --conf 0.4 --json -
    """,
)
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@model_flag
@conf_flag
@iou_flag
@click.option("--out", type=PATH, help="Folder for copies of the images with the boxes drawn in.")
@json_flag
def detect(
    images: tuple[str, ...],
    model: Path | None,
    conf: float,
    iou: float,
    out: Path | None,
    json_to: str | None,
) -> None:
    """Still images: files, folders or globs. With --json a line an image.

    A broken image is reported and the others go on; the exit code is then 65.
    """
    settings = DetectConfig(confidence=conf, iou=iou)
    failed: list[EdgeError] = []

    def refused(error: EdgeError) -> None:
        printing.print_error(error)
        failed.append(error)

    with printing.writer(json_to) as write:
        for result in app.detect_images(images, model, settings, out, refused):
            if write is None:
                printing.image(result)
            else:
                write(json.dumps(result.as_json()))
    if failed:
        sys.exit(failed[0].exit_code)


@cli.command(
    cls=Verb,
    short_help="Mean average precision on labelled images.",
    epilog="""
    edge evaluate --images calib_images/images --labels calib_images/labels
    edge evaluate --model m.onnx --images val/images --labels val.json --json -
    """,
)
@model_flag
@click.option("--images", type=PATH, required=True, help="Folder of images.")
@click.option("--labels", type=PATH, required=True, help="Folder of YOLO text, or COCO JSON file.")
@json_flag
def evaluate(model: Path | None, images: Path, labels: Path, json_to: str | None) -> None:
    """Mean average precision by COCO rules: confidence 0.001, NMS IoU 0.7, 300 boxes an image."""
    with printing.progress("evaluating") as progress:
        report = app.evaluate(model, images, labels, progress)
    if json_to is None:
        printing.evaluation(report)
    else:
        printing.result(report, json_to)


cli.add_command(benching.bench)


@cli.command(
    cls=Verb,
    short_help="Ultralytics .pt weights to ONNX.",
    epilog="""
    edge export best.pt -o model.onnx
    edge export best.pt -o model.onnx --imgsz 960 --json -
    """,
)
@click.argument("weights", type=PATH)
@click.option("-o", "--output", type=PATH, required=True, help="ONNX file to write.")
@click.option("--imgsz", type=click.IntRange(32, 4096), default=640, show_default=True)
@click.option("--dynamic", is_flag=True, help="Let batch and input size vary.")
@click.option("--opset", type=click.IntRange(11, 30), help="ONNX operator set. Default: 17.")
@json_flag
def export(
    weights: Path,
    output: Path,
    imgsz: int,
    dynamic: bool,
    opset: int | None,
    json_to: str | None,
) -> None:
    """Ultralytics YOLOv8 to ONNX. A .pt file is code that runs when it is opened: trust its source.

    Needs the export extra, on a PC: pip install 'edge-inspect[export]'
    """
    printing.result(app.export(weights, output, imgsz=imgsz, dynamic=dynamic, opset=opset), json_to)


cli.add_command(building.build)
cli.add_command(building.models)
cli.add_command(building.recalibrate)
cli.add_command(building.rollback)
cli.add_command(installing.install)
cli.add_command(installing.uninstall)
cli.add_command(people.users)


@cli.command(
    cls=Verb,
    short_help="Frames of the rendered line, with labels.",
    epilog="""
    edge render train/ --seeds 1000-1119 --frames 25 --workers 8
    edge render few/ --seeds 7 --frames 10 --size 640x360
    """,
)
@click.argument("folder", type=PATH)
@click.option("--seeds", type=SEEDS, required=True, help="One rendered line each, e.g. 1000-1119.")
@click.option("--frames", type=click.IntRange(1, 100_000), required=True, help="Frames a seed.")
@click.option("--size", type=SIZE, default="1280x720", show_default=True)
@click.option("--quality", type=click.IntRange(10, 100), default=92, show_default=True)
@click.option("--workers", type=click.IntRange(1, 256), default=1, show_default=True)
def render(
    folder: Path, seeds: tuple[int, ...], frames: int, size: Size, quality: int, workers: int
) -> None:
    """Frames of the rendered production line with their labels, as images/ and labels/ (YOLO)."""
    with printing.progress("rendering") as progress:
        app.render(folder, seeds, frames, progress, size=size, quality=quality, workers=workers)
    printing.line(f"{len(seeds) * frames} frames in {folder}")


@cli.command(
    cls=Verb,
    short_help="What is wrong with this machine, and what to do.",
    epilog="edge doctor\nedge doctor --json -",
)
@click.option("--port", type=click.IntRange(1, 65_535), default=8000, show_default=True)
@json_flag
def doctor(port: int, json_to: str | None) -> None:
    """What is wrong with this machine, each finding with its remedy; exit code 69 if any."""
    checks = app.doctor(Path(), port)
    if json_to is None:
        printing.checks(checks)
    else:
        printing.result({"checks": [dataclasses.asdict(check) for check in checks]}, json_to)
    if not all(check.ok for check in checks):
        sys.exit(69)
