"""The five defects: where there is room for one, its shape, and what it does to the metal."""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.camera.pattern.layout import Field, Hole
from edge.camera.pattern.surface import Points, Surface, band

Rng = np.random.Generator
Free = NDArray[np.uint8]
Painter = Callable[[Surface, Free, Rng], "Field | None"]

SHORT_SIDE = 18.0
"""No defect's box is narrower, in design pixels: it must survive a detector at half this scale."""
ATTEMPTS = 150


def scratch(surface: Surface, free: Free, rng: Rng) -> Field | None:
    """A score of one or two strokes; bright where fresh metal shows, or dark with dirt."""
    path = _free_path(surface, free, rng, lambda size: _stroke(rng, size))
    if path is None:
        return None
    mask = surface.line(path, float(rng.uniform(1.6, 2.6)))
    if rng.random() < 0.4:
        across = math.atan2(path[-1][1] - path[0][1], path[-1][0] - path[0][0]) + math.pi / 2
        away = float(rng.choice([-1, 1]) * rng.uniform(4.5, 7))
        du, dv = away * math.cos(across), away * math.sin(across)
        inner = path[int(rng.integers(1, 6)) : -int(rng.integers(2, 7))]
        mask = np.maximum(mask, surface.line([(u + du, v + dv) for u, v in inner], 1.2))
    bright = rng.random() < 0.65
    surface.tone *= 1 + mask * np.float32(0.42 if bright else -0.5)
    groove = cv2.GaussianBlur(mask, (0, 0), max(0.5, 0.8 * surface.scale))
    surface.height -= groove * np.float32(1.7)
    return mask


def dent(surface: Surface, free: Free, rng: Rng) -> Field | None:
    """A shallow, uneven bowl knocked into the face, with a slightly raised rim."""
    radius = float(rng.uniform(13, 25))
    at = _spot(surface, free, rng, radius * 1.15)
    if at is None:
        return None
    du, dv = surface.u - np.float32(at[0]), surface.v - np.float32(at[1])
    t = cv2.magnitude(du, dv) / _wobbly(cv2.phase(du, dv), radius, 0.16, rng)
    bowl = np.clip(1 - t * t, 0, 1) ** 2
    rim = np.exp(-(((t - 1) / np.float32(0.16)) ** 2))
    surface.height += np.float32(radius) * (np.float32(0.045) * rim - np.float32(0.40) * bowl)
    surface.tone *= 1 - 0.22 * bowl
    return (t < 1).astype(np.float32)


def crack(surface: Surface, free: Free, rng: Rng) -> Field | None:
    """A dark, jagged, branching line."""
    path = _free_path(
        surface, free, rng, lambda size: _jagged(rng, size * float(rng.uniform(60, 120)))
    )
    if path is None:
        return None
    third = len(path) // 3
    mask = surface.line(path, 1.8)
    mask = np.maximum(mask, surface.line(path[third:-third], 2.8))
    for _ in range(int(rng.integers(1, 4))):
        start = path[int(rng.integers(2, len(path) - 2))]
        twig = [(start[0] + u, start[1] + v) for u, v in _jagged(rng, float(rng.uniform(14, 30)))]
        if _is_free(surface, free, twig):
            mask = np.maximum(mask, surface.line(twig, 1.2))
    surface.tone *= 1 - 0.86 * mask
    surface.height -= mask * np.float32(1.0)
    return mask


def stain(surface: Surface, free: Free, rng: Rng) -> Field | None:
    """Rust, burnt oil or heat colour: an uneven, cloudy patch with a darker edge."""
    radius = float(rng.uniform(14, 27))
    at = _spot(surface, free, rng, radius * 1.15)
    if at is None:
        return None
    du, dv = surface.u - np.float32(at[0]), surface.v - np.float32(at[1])
    inside = _wobbly(cv2.phase(du, dv), radius, 0.28, rng) - cv2.magnitude(du, dv)
    patch = band(-inside, 3.5)
    ring = patch * band(inside - 1, 6)
    colour = ((0.36, 0.56, 0.78), (0.32, 0.38, 0.44), (0.88, 0.70, 0.58))[int(rng.integers(3))]
    coarse = rng.standard_normal((24, 24), dtype=np.float32)
    cloud = cv2.resize(coarse, du.shape[::-1], interpolation=cv2.INTER_CUBIC)
    strength = patch * np.clip(np.float32(0.72) + cloud * np.float32(0.13), 0.4, 1)
    strength += (1 - strength) * ring * np.float32(0.35)
    surface.tint *= 1 - strength[..., None] * (1 - np.array(colour, np.float32))
    return patch


def missing_hole(surface: Surface, hole: Hole) -> Field:
    """A hole that was punched and scribed but not drilled; the box is where it ought to be."""
    distance = cv2.magnitude(surface.u - np.float32(hole.u), surface.v - np.float32(hole.v))
    scribed = band(np.abs(distance - np.float32(hole.radius)) - 0.5, 1.4)
    surface.tone *= 1 - 0.30 * scribed
    arm = hole.radius * 0.55
    for du, dv in ((arm, 0.0), (0.0, arm)):
        cross = surface.line([(hole.u - du, hole.v - dv), (hole.u + du, hole.v + dv)], 1.0)
        surface.tone *= 1 - 0.22 * cross
    punch = band(distance, 4.5)
    surface.height -= punch * np.float32(3)
    surface.tone *= 1 - 0.6 * punch
    return (distance < hole.radius + 1).astype(np.float32)


PAINTERS: dict[int, Painter] = {0: scratch, 1: dent, 2: crack, 3: stain}
"""By class id; ``missing_hole`` (4) is decided before the holes are drilled."""


def _spot(surface: Surface, free: Free, rng: Rng, radius: float) -> tuple[float, float] | None:
    room = cv2.distanceTransform(free, cv2.DIST_L2, 3)
    candidates = np.flatnonzero(room > radius * surface.scale)
    if not len(candidates):
        return None
    row, column = divmod(int(candidates[int(rng.integers(len(candidates)))]), free.shape[1])
    return surface.place(column, row)


def _free_path(
    surface: Surface, free: Free, rng: Rng, draw: Callable[[float], Points]
) -> Points | None:
    """A drawn path where all of it is free and its box is not too narrow, shorter if need be."""
    places = np.flatnonzero(free)
    for attempt in range(ATTEMPTS if len(places) else 0):
        row, column = divmod(int(places[int(rng.integers(len(places)))]), free.shape[1])
        u0, v0 = surface.place(column, row)
        path = [(u0 + u, v0 + v) for u, v in draw(1 - 0.6 * attempt / ATTEMPTS)]
        if _is_wide(surface, path) and _is_free(surface, free, path):
            return path
    return None


def _wobbly(angle: Field, radius: float, wobble: float, rng: Rng) -> Field:
    """Radius of an uneven round shape, at most about ``radius``, by angle."""
    edge = np.full_like(angle, radius * (1 - wobble / 2))
    for lobes in (2, 3, 5):
        depth, phase = rng.uniform(0.3, 1) * radius * wobble / lobes, rng.uniform(0, 2 * math.pi)
        edge += np.float32(depth) * np.sin(lobes * angle + np.float32(phase))
    return edge


def _is_free(surface: Surface, free: Free, path: Points) -> bool:
    side = free.shape[0]
    spots = [(round(row), round(column)) for column, row in surface.pixels(path)]
    return all(0 <= r < side and 0 <= c < side and free[r, c] for r, c in spots)


def _is_wide(surface: Surface, path: Points) -> bool:
    extents = (max(axis) - min(axis) for axis in zip(*surface.pixels(path), strict=True))
    return min(extents) >= SHORT_SIDE * surface.scale


def _stroke(rng: Rng, size: float) -> Points:
    length, bend = size * float(rng.uniform(60, 150)), float(rng.uniform(-0.5, 0.5))
    heading = float(rng.uniform(0, 2 * math.pi))
    return _walk([heading + bend * i / 16 for i in range(16)], length / 16)


def _jagged(rng: Rng, length: float) -> Points:
    heading = float(rng.uniform(0, 2 * math.pi))
    steps = max(4, round(length / 8))
    return _walk([heading + float(rng.uniform(-0.65, 0.65)) for _ in range(steps)], length / steps)


def _walk(headings: list[float], step: float) -> Points:
    points: Points = [(0.0, 0.0)]
    for heading in headings:
        u, v = points[-1]
        points.append((u + step * math.cos(heading), v + step * math.sin(heading)))
    return points
