"""The verb that measures speed: one model, two in turns, a table of forms, the live view's cost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from edge import app
from edge.cli import printing
from edge.cli.flags import PATH, Verb, json_flag, model_flag

_Progress = Callable[[int, int], None]


@click.command(
    cls=Verb,
    short_help="Speed on this machine.",
    epilog="""
    edge bench
    edge bench --model m.onnx --source file://clip.mp4 --json -
    edge bench --model models/current --against models/builds/before
    edge bench --table best.pt --table m.onnx --table models/current
    edge bench --viewers 20 --fps 10
    """,
)
@model_flag
@click.option(
    "--against", type=PATH, metavar="M", help="Measure this one and --model in turns, and compare."
)
@click.option(
    "--table",
    "tables",
    type=PATH,
    metavar="M",
    multiple=True,
    help="A row for each form, each in a fresh process: PyTorch's .pt, ONNX files, bundles "
    "(fallback, engine, both loaded). Name several, in the order of the rows.",
)
@click.option(
    "--source",
    default="pattern://?size=1280x720",
    show_default=True,
    help="Where the frames come from; they are read before the clock starts.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=1),
    default=60.0,
    show_default=True,
    help="Time in all; it is cut into rounds that alternate.",
)
@click.option("--threads", type=click.IntRange(1, 256), help="CPU threads of the engine.")
@click.option(
    "--viewers",
    type=click.IntRange(1, 500),
    help="Compare the live loop with this many viewers, some slow or never reading, with none.",
)
@click.option("--fps", type=click.FloatRange(0.1, 1000), default=10.0, help="With --viewers: pace.")
@json_flag
def bench(json_to: str | None, tables: tuple[Path, ...], **asked: Any) -> None:
    """Speed on this machine: the engine alone against everything, in rounds that alternate."""
    if sum(map(bool, (asked["against"], tables, asked["viewers"]))) > 1:
        raise click.UsageError("--against, --table and --viewers are measured one at a time")
    with printing.progress("measuring") as progress:
        report = _measured(tables, progress, **asked)
    if tables and json_to is None:
        printing.forms(report["rows"])
    else:
        printing.result(report, json_to)


def _measured(  # noqa: PLR0913 - one parameter a flag
    tables: tuple[Path, ...],
    progress: _Progress,
    *,
    model: Path | None,
    against: Path | None,
    source: str,
    seconds: float,
    threads: int | None,
    viewers: int | None,
    fps: float,
) -> dict[str, Any]:
    if viewers is not None:
        return app.bench_viewers(model, viewers, fps, seconds, progress)
    if tables:
        return app.bench_table(tables, source, seconds, progress)
    if against is not None:
        return app.bench_against(model, against, source, seconds, threads, progress)
    return app.bench_model(model, source, seconds, threads, progress)
