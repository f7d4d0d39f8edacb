"""One part, rendered once: a sprite to lay on the belt, and where its defects are."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.camera.pattern import defects
from edge.camera.pattern.finish import machine
from edge.camera.pattern.layout import Field, Hole, Layout, draw_layout
from edge.camera.pattern.light import soften
from edge.camera.pattern.marks import mark
from edge.camera.pattern.settings import LABELS, LineSettings
from edge.camera.pattern.surface import LIGHT, Surface, band
from edge.core.types import Image

FACE = 186.0
"""Grey level of a flat metal face under full light."""
CHAMFER = 4.5
"""Width of the broken edges, in design pixels."""
MISSING_HOLE = LABELS.index("missing_hole")

Window = tuple[slice, slice]


@dataclass(frozen=True, eq=False)
class Defect:
    """A defect of a part, in pixels of its sprite.

    Attributes:
        class_id: index into ``LABELS``.
        left: first column of ``mask``.
        top: first row of ``mask``.
        mask: bool (h, w), what the defect covers; its outer rows and columns are not empty.
    """

    class_id: int
    left: int
    top: int
    mask: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Part:
    """A part as it lies on the belt.

    Attributes:
        color: uint8 (n, n, 3), BGR, what the part adds to the picture.
        keep: uint8 (n, n, 3), how much of the picture under it stays, 255 is all.
        defects: what is wrong with it; none for a good part.
    """

    color: Image
    keep: Image
    defects: tuple[Defect, ...]


def render_part(settings: LineSettings, number: int) -> Part:
    """Part ``number`` of the line; the same for equal settings."""
    rng = np.random.default_rng([settings.seed, number, 0])
    fate = np.random.default_rng([settings.seed, number, 1])  # a defect must not change the part
    layout = draw_layout(rng)
    angle = float(rng.uniform(-1, 1)) * layout.turn
    surface = Surface(layout.radius, settings.scale, angle)
    machine(surface, layout.finish, rng)
    marks = mark(surface, layout, number, rng)
    outline = layout.outline(surface.u, surface.v)
    plan = _plan(settings.defect_rate, fate)
    missing = _missing(layout, plan, fate)
    free = _free(surface, layout, outline, marks)
    found = [_defect(MISSING_HOLE, defects.missing_hole(surface, hole)) for hole in missing]
    found += _spoil(surface, free, plan, fate)
    drilled = [hole for hole in layout.holes if hole not in missing]
    color, keep = _expose(*_shade(surface, outline, drilled), settings)
    return Part(color, keep, tuple(found))


def _plan(defect_rate: float, fate: np.random.Generator) -> list[int]:
    """Class ids of the defects this part is to have; empty for a good part."""
    if fate.random() >= defect_rate:
        return []
    count = int(fate.choice([1, 2, 3], p=(0.5, 0.32, 0.18)))
    return [int(class_id) for class_id in fate.permutation(len(LABELS))[:count]]


def _missing(layout: Layout, plan: list[int], fate: np.random.Generator) -> list[Hole]:
    if MISSING_HOLE not in plan:
        return []
    required = [hole for hole in layout.holes if hole.required]
    return [required[int(fate.integers(len(required)))]]


def _free(surface: Surface, layout: Layout, outline: Field, marks: Field) -> defects.Free:
    """Where a defect may lie: 1 on the plain face, clear of edges, holes and marks."""
    margin = np.float32(CHAMFER + 5)
    free = outline < -margin
    for hole in layout.holes:
        window = surface.around(hole.u, hole.v, hole.radius + float(margin))
        free[window] &= _from_rim(surface, hole, window) > margin
    if marks.any():
        reach = max(1, round(10 * surface.scale))
        free &= cv2.dilate(marks, np.ones((reach, reach), np.uint8)) < 0.1
    return free.astype(np.uint8)


def _spoil(
    surface: Surface, free: defects.Free, plan: list[int], fate: np.random.Generator
) -> list[Defect]:
    found = []
    for class_id in plan:
        if class_id not in defects.PAINTERS:
            continue
        mask = defects.PAINTERS[class_id](surface, free, fate)
        if mask is not None:
            found.append(_defect(class_id, mask))
            reach = max(1, round(16 * surface.scale))
            free[cv2.dilate(mask, np.ones((reach, reach), np.uint8)) > 0] = 0
    return found


def _defect(class_id: int, mask: Field) -> Defect:
    left, top, width, height = cv2.boundingRect((mask > 0.35).astype(np.uint8))
    window = mask[top : top + height, left : left + width] > 0.35
    return Defect(class_id, left, top, window)


def _from_rim(surface: Surface, hole: Hole, window: Window) -> Field:
    """Signed distance to the hole's rim, in design pixels, negative in the hole."""
    u, v = surface.u[window] - np.float32(hole.u), surface.v[window] - np.float32(hole.v)
    away: Field = np.sqrt(u * u + v * v)
    return away - np.float32(hole.radius)


def _shade(surface: Surface, outline: Field, drilled: list[Hole]) -> tuple[Field, Field]:
    """Light on the part, premultiplied BGR 0..255, and how much of the belt is left, 0..1."""
    to_edge, walls = outline.copy(), np.zeros_like(outline)
    for hole in drilled:
        window = surface.around(hole.u, hole.v, hole.radius + CHAMFER)
        rim = _from_rim(surface, hole, window)
        to_edge[window] = np.maximum(to_edge[window], -rim)
        walls[window] += _wall(surface, hole, rim, window)
    broken = band(-to_edge, CHAMFER)
    surface.height -= broken * np.float32(CHAMFER * 0.5)
    surface.tone += (np.float32(0.96) - surface.tone) * broken * np.float32(0.6)
    metal = _cover(surface, to_edge)
    grey = np.float32(FACE) * surface.tone * surface.lit()
    color = (np.minimum(grey, 255) * metal + walls * (1 - metal))[..., None] * surface.tint
    belt = (1 - metal) * (1 - _shadow(surface, _cover(surface, outline))) * (1 - walls / 255)
    return color.astype(np.float32, copy=False), belt.astype(np.float32, copy=False)


def _cover(surface: Surface, distance: Field) -> Field:
    """How much of each pixel lies inside, 0..1."""
    return np.clip(0.5 - distance * np.float32(surface.scale), 0, 1)


def _wall(surface: Surface, hole: Hole, rim: Field, window: Window) -> Field:
    """The lit inside of a hole: a crescent on the side away from the light, 0..255."""
    lean = hole.radius * 0.10 + 1.5
    ((column, row),) = surface.pixels([(hole.u, hole.v)])
    x = surface.x[window] - np.float32((column - surface.half) / surface.scale)
    y = surface.y[window] - np.float32((row - surface.half) / surface.scale)
    away = -(x * np.float32(LIGHT[0]) + y * np.float32(LIGHT[1]))
    depth = np.clip(away / np.float32(hole.radius), 0, 1)
    inside = band(rim, 1) * (1 - band(rim + np.float32(lean) * depth, 1.5))
    return inside * (34 + 120 * depth)


def _shadow(surface: Surface, cover: Field) -> Field:
    """Soft shadow on the belt, away from the light, 0..1."""
    reach = 9.0 * surface.scale
    shift = np.array([[1, 0, -LIGHT[0] * reach], [0, 1, -LIGHT[1] * reach]], np.float32)
    fallen = cv2.warpAffine(cover, shift, cover.shape[::-1])
    side = max(1, round(11 * surface.scale))
    return cv2.blur(cv2.blur(fallen, (side, side)), (side, side)) * np.float32(0.82)


def _expose(color: Field, keep: Field, settings: LineSettings) -> tuple[Image, Image]:
    """What lens and shutter make of it, as uint8."""
    left = np.round(soften(keep, settings) * 255).astype(np.uint8)
    lit = np.minimum(np.round(soften(color, settings)), 255).astype(np.uint8)
    return lit, np.repeat(left[..., None], 3, axis=2)
