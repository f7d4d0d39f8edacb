"""Flags that several verbs share, and how help and sizes look."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from edge.core.types import Size


class SizeType(click.ParamType):  # type: ignore[type-arg]  # generic in some versions only
    """``1280x720``."""

    name = "WxH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Size:
        """Text to size; the default is one already, or text too."""
        if isinstance(value, Size):
            return value
        match = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", value)
        if match is None:
            self.fail(f"{value!r} is not a size such as 1280x720", param, ctx)
        return Size(int(match[1]), int(match[2]))


class SeedsType(click.ParamType):  # type: ignore[type-arg]
    """``7``, ``1,2,5`` or ``1000-1119``."""

    name = "SEEDS"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """Every number that the text names, once, in order."""
        seeds: dict[int, None] = {}
        for part in value.split(","):
            match = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", part.strip())
            if match is None:
                self.fail(f"{value!r} are no seeds such as 7, 1,2,5 or 1000-1119", param, ctx)
            seeds.update(dict.fromkeys(range(int(match[1]), int(match[2] or match[1]) + 1)))
        return tuple(seeds)


class Verb(click.Command):
    """A command whose examples keep their lines in the help."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, each on a line of its own."""
        if self.epilog:
            with formatter.section("Examples"):
                for line in self.epilog.strip().splitlines():
                    formatter.write(f"  {line.strip()}\n")


class Group(click.Group):
    """Lists the verbs in the order of this file: the first ones first."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs' names, in the order they were added."""
        return list(self.commands)


PATH = click.Path(path_type=Path)
SIZE = SizeType()
SEEDS = SeedsType()


json_flag = click.option(
    "--json",
    "json_to",
    metavar="FILE",
    help="Write the result as JSON to FILE, or to standard output with '-'.",
)
model_flag = click.option(
    "--model",
    type=PATH,
    metavar="M",
    help="ONNX file. Default: models/current here, else the model that comes with Edge.",
)
conf_flag = click.option(
    "--conf", type=click.FloatRange(0, 1), default=0.25, show_default=True, help="Least score."
)
iou_flag = click.option(
    "--iou",
    type=click.FloatRange(0, 1),
    default=0.45,
    show_default=True,
    help="Overlap above which the weaker of two boxes of one class is dropped.",
)
