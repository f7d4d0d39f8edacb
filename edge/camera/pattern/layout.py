"""What a good part looks like: outline and holes, as its drawing demands them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]

MAX_RADIUS = 176.0
"""No part reaches further from its centre, in design pixels."""


@dataclass(frozen=True)
class Hole:
    """A round hole, in design pixels from the part's centre.

    Attributes:
        u: to the right, on the unrotated part.
        v: downwards, on the unrotated part.
        radius: of the hole, without its chamfer.
        required: one of a symmetrical set, so that its absence can be seen.
    """

    u: float
    v: float
    radius: float
    required: bool = True


@dataclass(frozen=True)
class Layout:
    """The drawing of a part.

    Attributes:
        outline: signed distance to the outline at (u, v), in design pixels, negative inside.
        radius: of the circle around the part.
        holes: every hole the drawing demands.
        label_at: (u, v) of the engraving's centre.
        label_width: room for the engraving.
        finish: how the face was machined: ``turned``, ``brushed`` or ``milled``.
        turn: largest rotation on the belt, radians.
    """

    outline: Callable[[Field, Field], Field]
    radius: float
    holes: tuple[Hole, ...]
    label_at: tuple[float, float]
    label_width: float
    finish: str
    turn: float


def draw_layout(rng: np.random.Generator) -> Layout:
    """One of the line's parts: a flange, a plate or a three-armed bracket."""
    return (_flange, _plate, _bracket)[int(rng.integers(3))](rng)


def _flange(rng: np.random.Generator) -> Layout:
    radius = float(rng.uniform(138, 160))
    count = int(rng.choice([5, 6, 8]))
    bolt, circle = radius * float(rng.uniform(0.1, 0.125)), radius * 0.76
    bore = radius * float(rng.uniform(0.24, 0.34))
    ring = _ring(count, circle, bolt, phase=math.pi / count)
    label = (0.0, -(bore + circle - bolt) / 2)
    return Layout(
        outline=lambda u, v: cv2.magnitude(u, v) - np.float32(radius),
        radius=radius,
        holes=(*ring, Hole(0, 0, bore, required=False)),
        label_at=label,
        label_width=radius * 0.6,
        finish="turned",
        turn=math.pi,
    )


def _plate(rng: np.random.Generator) -> Layout:
    a, b = float(rng.uniform(132, 148)), float(rng.uniform(84, 96))
    corner, drill = float(rng.uniform(12, 24)), float(rng.uniform(14, 17))
    inset = corner * 0.4 + drill + 12
    columns = [-(a - inset), a - inset]
    if rng.random() < 0.5:
        columns.insert(1, 0.0)
    holes = [Hole(u, v, drill) for u in columns for v in (-(b - inset), b - inset)]
    if len(columns) == 2:
        holes.append(Hole(a * 0.12, 0, b * 0.34, required=False))
    label = (-a * 0.42, 0.0)
    return Layout(
        outline=lambda u, v: _box_distance(u, v, a, b, corner),
        radius=math.hypot(a, b),
        holes=tuple(holes),
        label_at=label,
        label_width=a * 0.62,
        finish="brushed" if rng.random() < 0.6 else "milled",
        turn=0.42,
    )


def _bracket(rng: np.random.Generator) -> Layout:
    reach, fillet = float(rng.uniform(112, 122)), float(rng.uniform(40, 48))
    drill = float(rng.uniform(17, 21))
    arms = _ring(3, reach, drill, phase=math.pi / 2)
    corners = [(hole.u, hole.v) for hole in arms]
    bore = Hole(0, 0, float(rng.uniform(28, 36)), required=False)
    return Layout(
        outline=lambda u, v: _triangle_distance(u, v, corners) - np.float32(fillet),
        radius=reach + fillet,
        holes=(*arms, bore),
        label_at=(0.0, -60.0),
        label_width=96.0,
        finish="milled" if rng.random() < 0.6 else "brushed",
        turn=math.pi,
    )


def _ring(count: int, circle: float, radius: float, phase: float) -> tuple[Hole, ...]:
    angles = [phase + 2 * math.pi * i / count for i in range(count)]
    return tuple(Hole(circle * math.cos(a), circle * math.sin(a), radius) for a in angles)


def _box_distance(u: Field, v: Field, a: float, b: float, corner: float) -> Field:
    over_u = np.abs(u) - np.float32(a - corner)
    over_v = np.abs(v) - np.float32(b - corner)
    outside = cv2.magnitude(np.maximum(over_u, 0), np.maximum(over_v, 0))
    return outside + np.minimum(np.maximum(over_u, over_v), 0) - np.float32(corner)


def _triangle_distance(u: Field, v: Field, corners: list[tuple[float, float]]) -> Field:
    nearest = np.full_like(u, np.inf)
    inside = np.ones(u.shape, bool)
    for (u0, v0), (u1, v1) in zip(corners, corners[1:] + corners[:1], strict=True):
        eu, ev = np.float32(u1 - u0), np.float32(v1 - v0)
        du, dv = u - np.float32(u0), v - np.float32(v0)
        along = np.clip((du * eu + dv * ev) / (eu * eu + ev * ev), 0, 1)
        nearest = np.minimum(nearest, cv2.magnitude(du - along * eu, dv - along * ev))
        inside &= eu * dv - ev * du >= 0
    return np.where(inside, -nearest, nearest)
