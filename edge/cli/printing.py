"""Words, tables and progress bars for people; JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from edge.app import ImageResult
from edge.core.build import Rung
from edge.core.errors import EdgeError, InputMissingError
from edge.core.types import Check

_ERR = Console(stderr=True, highlight=False, soft_wrap=True)
_OUT = Console(highlight=False, soft_wrap=True)


def print_error(error: EdgeError) -> None:
    """One failure, on standard error."""
    _ERR.print(f"[bold red]error:[/] {escape(str(error))}")


def line(text: str) -> None:
    """One line on standard output."""
    _OUT.print(escape(text))


def announce(ending: str) -> Callable[[str | None], None]:
    """Tell a person, on standard error, where the live view is and how to end the run."""

    def ready(url: str | None) -> None:
        view = f"Live view: [bold cyan]{url}[/]" if url else "Running without a live view."
        _ERR.print(f"{view}   {ending}")

    return ready


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error, if that is a terminal; call with (done, total)."""
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=_ERR, transient=True, disable=not _ERR.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def writer(json_to: str | None) -> Iterator[Callable[[str], None] | None]:
    """Writes lines to a file, or to standard output for ``-``; None when JSON is not wanted."""
    if json_to is None:
        yield None
    elif json_to == "-":
        yield lambda text: print(text, flush=True)
    else:
        try:
            with Path(json_to).open("w", encoding="utf-8") as file:
                yield lambda text: print(text, file=file)
        except OSError as error:
            raise InputMissingError(f"{json_to}: cannot be written: {error.strerror}") from error


def result(report: dict[str, Any], json_to: str | None) -> None:
    """A report as JSON, or as a small table for a person."""
    if json_to is not None:
        with writer(json_to) as write:
            assert write is not None
            write(json.dumps(report, indent=2 if sys.stdout.isatty() else None))
        return
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for key, value in report.items():
        table.add_row(f"[dim]{escape(key)}[/]", escape(_short(value)))
    _OUT.print(table)


def image(result: ImageResult) -> None:
    """One still image: its name, then a line a detection."""
    found = len(result.detections) or "no"
    plural = "" if found == 1 else "s"
    _OUT.print(f"[bold]{escape(str(result.path))}[/]  {found} detection{plural}")
    for row in result.rows():
        box = " ".join(f"{value:.0f}" for value in row["box"])
        _OUT.print(f"  {row['score']:.2f}  {escape(row['label']):<16} [dim]{box}[/]")


def evaluation(report: dict[str, Any]) -> None:
    """Mean average precision over all classes, then class by class."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("class", "objects", "mAP50-95", "mAP50"):
        table.add_column(title, justify="left" if title == "class" else "right")
    objects = str(sum(row["objects"] for row in report["per_class"]))
    table.add_row("[bold]all[/]", objects, _share(report["map"]), _share(report["map50"]))
    for row in report["per_class"]:
        label = escape(row["label"])
        table.add_row(label, str(row["objects"]), _share(row["map"]), _share(row["map50"]))
    _OUT.print(table)
    _OUT.print(f"[dim]{report['images']} images[/]")
    for warning in report.get("warnings", ()):
        _ERR.print(f"[yellow]warning:[/] {escape(warning)}")


@contextmanager
def steps() -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar that says what is being done; call with (what, done, total)."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=_ERR, transient=True, disable=not _ERR.is_terminal) as bar:
        task = bar.add_task("starting", total=None)

        def told(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total)

        yield told


def rung(tried: Rung) -> None:
    """One step of the ladder, as soon as it is judged."""
    mark = "[green]passed[/]" if tried.passed else "[bold red]failed[/]"
    _ERR.print(f"{mark}  [bold]{escape(tried.candidate)}[/]  {escape(tried.reason)}")


def build(report: dict[str, Any]) -> None:
    """What a build came to."""
    if report["bundle"] is None:
        _OUT.print("[bold red]Nothing was published:[/] no candidate passed the gate.")
    else:
        _OUT.print(f"[bold green]Published {report['precision']}:[/] {escape(report['bundle'])}")
    _OUT.print(f"[dim]report[/] {escape(report['page'])}")
    for warning in report["report"]["warnings"]:
        _ERR.print(f"[yellow]warning:[/] {escape(warning)}")


def models(found: Sequence[dict[str, Any]]) -> None:
    """One line a bundle."""
    if not found:
        _OUT.print("No bundles here. Make one: edge build")
    for one in found:
        mark = "current" if one["current"] else "previous" if one["previous"] else ""
        state = f"[bold red]{escape(one['problem'])}[/]" if one["problem"] else one["precision"]
        _OUT.print(f"{mark:<9}{escape(one['bundle'])}  {state}  {escape(one['source'] or '')}")


def checks(found: Sequence[Check]) -> None:
    """The doctor's findings, each with its remedy."""
    for check in found:
        mark = "[green]ok[/]" if check.ok else "[bold red]no[/]"
        _OUT.print(f"{mark}  {check.name:<10} {escape(check.detail)}")
        if check.remedy:
            _OUT.print(f"{'':<15}[yellow]{escape(check.remedy)}[/]")


def forms(rows: Sequence[dict[str, Any]]) -> None:
    """A model's forms, one line each, with what each brings over the one before."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    titles = ("", "frames/s", "spread", "network alone", "memory MB", "faster", "memory")
    for title in titles:
        table.add_column(title, justify="right" if title else "left")
    for row in rows:
        if row["reason"]:
            continue
        cells = [row[key] for key in ("end_to_end_fps", "spread", "engine_only_fps", "memory_mb")]
        factors = [f"x {row[key]:.2f}" if row[key] else "-" for key in ("faster", "memory")]
        table.add_row(escape(row["name"]), *map(_short, cells), *factors)
    _OUT.print(table)
    _OUT.print("[dim]faster, memory: against the row above[/]")
    for row in rows:
        if row["reason"]:
            _OUT.print(f"[yellow]not measured:[/] {escape(row['name'])}: {escape(row['reason'])}")


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return "  ".join(f"{key} {_short(inner)}" for key, inner in value.items())
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return ", ".join(map(_short, value)) or "none"
    return "-" if value is None else str(value)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
