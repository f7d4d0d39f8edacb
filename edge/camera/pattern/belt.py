"""What lies under the parts: a worn rubber belt that repeats, between two guide rails."""

from __future__ import annotations

import math

import cv2
import numpy as np

from edge.camera.pattern.layout import Field
from edge.camera.pattern.light import soften
from edge.camera.pattern.marks import FONT
from edge.camera.pattern.settings import LineSettings
from edge.core.types import Image

RAIL = 44.0
"""Height of a guide rail at the top and bottom of the picture, in design pixels."""
PERIOD = 2600.0
"""The belt repeats after this many design pixels, or two pictures if that is more."""
RUBBER = np.array((54, 50, 47), np.float32)
"""Blue, green and red of clean rubber under full light."""


def render_belt(settings: LineSettings) -> Image:
    """The whole belt, uint8 (H, L, 3) BGR; its left and right end fit together."""
    rng = np.random.default_rng([settings.seed, 2])
    scale, rows = settings.scale, settings.size.height
    columns = round(max(PERIOD * scale, 2.0 * settings.size.width))
    tone = _rubber(rows, columns, scale, rng)
    for _ in range(26):
        _scuff(tone, scale, rng)
    _seam(tone, columns * float(rng.uniform(0.3, 0.9)), scale)
    belt = tone[..., None] * RUBBER
    for _ in range(6):
        _oil(belt, scale, rng)
    for _ in range(34):
        _chip(belt, scale, rng)
    pad = min(columns, 64)
    wrapped = np.concatenate((belt[:, -pad:], belt, belt[:, :pad]), axis=1)
    return np.clip(soften(wrapped, settings)[:, pad : pad + columns], 0, 255).astype(np.uint8)


def _rubber(rows: int, columns: int, scale: float, rng: np.random.Generator) -> Field:
    """Moulded diamond pattern, wear and dust; factors around 1."""
    y = np.arange(rows, dtype=np.float32)[:, None] / np.float32(scale)
    cells = max(1, round(columns / scale / 9))
    x = np.arange(columns, dtype=np.float32)[None] * np.float32(2 * math.pi * cells / columns)
    y = y * np.float32(2 * math.pi / 9)
    diamond = np.cos(x) * np.cos(y)
    wear = _cloud(rows, columns, 160 * scale, rng)
    dust = _cloud(rows, columns, 22 * scale, rng)
    lines = rng.standard_normal((rows, 1), dtype=np.float32)
    streaks = cv2.blur(lines, (1, max(1, round(5 * scale)))).reshape(rows, 1)
    grain = rng.standard_normal((rows, columns), dtype=np.float32)
    tone: Field = (
        1
        + diamond * (0.10 + 0.05 * wear)
        + 0.10 * wear
        + 0.05 * dust
        + 0.06 * streaks
        + 0.10 * grain
    )
    return tone


def _cloud(rows: int, columns: int, size: float, rng: np.random.Generator) -> Field:
    """Smooth noise of about unit spread that repeats along the belt."""
    coarse = (max(2, round(rows / size) + 2), max(3, round(columns / size)))
    noise = rng.standard_normal(coarse, dtype=np.float32)
    noise = np.concatenate((noise[:, -2:], noise, noise[:, :2]), axis=1)
    cell = columns / coarse[1]
    wide = cv2.resize(noise, (round(cell * noise.shape[1]), rows), interpolation=cv2.INTER_CUBIC)
    start = round(2 * cell)
    return np.asarray(wide[:, start : start + columns], np.float32)


def _scuff(tone: Field, scale: float, rng: np.random.Generator) -> None:
    rows, columns = tone.shape
    length = min(columns - 2, round(float(rng.uniform(60, 420)) * scale))
    left, row = int(rng.integers(0, columns - length)), float(rng.uniform(0.08, 0.92)) * rows
    layer = np.zeros((rows, length), np.uint8)
    drift = float(rng.uniform(-14, 14)) * scale
    ends = np.round(np.array([(8, row), (length - 8, row + drift)]) * 16).astype(np.int32)
    thick = max(1, round(float(rng.uniform(1, 5)) * scale))
    cv2.polylines(layer, [ends], False, 255, thick, cv2.LINE_AA, 4)
    fade = np.sin(np.linspace(0, math.pi, length, dtype=np.float32))
    broken = (rng.random((1, length), dtype=np.float32) < 0.75).astype(np.float32)
    strength = float(rng.choice([0.35, 0.55, -0.25]))
    soft = cv2.blur(broken, (5, 1)) * fade * np.float32(strength / 255)
    tone[:, left : left + length] += layer.astype(np.float32) * soft


def _seam(tone: Field, at: float, scale: float) -> None:
    """Where the belt was vulcanised: a slanted joint, dark beside light."""
    rows, columns = tone.shape
    for shift, strength in ((0.0, -0.42), (4.0, 0.28), (70.0, -0.25), (73.0, 0.16)):
        layer = np.zeros((rows, columns), np.uint8)
        x = at + shift * scale
        ends = np.round(np.array([(x, -4), (x - rows * 0.22, rows + 4)]) * 16).astype(np.int32)
        cv2.polylines(layer, [ends], False, 255, max(1, round(3 * scale)), cv2.LINE_AA, 4)
        tone += layer.astype(np.float32) * np.float32(strength / 255)


def _oil(belt: Field, scale: float, rng: np.random.Generator) -> None:
    """A dark wet patch with a faint rim of light."""
    radius = float(rng.uniform(14, 46)) * scale
    half = max(2, math.ceil(radius * 1.6))
    window = _window(belt, half, rng)
    axis = np.arange(-half, half + 1, dtype=np.float32)
    x, y = np.meshgrid(axis, axis * np.float32(rng.uniform(1.0, 1.5)))
    angle = cv2.phase(x, y)
    edge = np.full_like(x, radius)
    for lobes in (2, 3, 5):
        edge += np.float32(radius * 0.3 / lobes) * np.sin(lobes * angle + rng.uniform(0, 6.28))
    depth = edge - np.hypot(x, y)
    rows, columns = window.shape[:2]
    depth = depth[:rows, :columns].astype(np.float32) / np.float32(scale)
    wet = np.clip(depth / 5, 0, 1)
    rim = np.exp(-(((depth - 3) / 3) ** 2)) * np.clip((-x - 2 * y)[:rows, :columns] / radius, 0, 1)
    window *= (1 - 0.55 * wet)[..., None]
    window += (26 * rim)[..., None]


def _chip(belt: Field, scale: float, rng: np.random.Generator) -> None:
    """A curl of swarf: a bright short arc with a shadow under it."""
    half = max(2, math.ceil(16 * scale))
    window = _window(belt, half, rng)
    radius = float(rng.uniform(3, 11)) * scale
    start, sweep = float(rng.uniform(0, 360)), float(rng.uniform(60, 250))
    axes = (round(radius * 16), round(radius * float(rng.uniform(0.35, 1)) * 16))
    curl = np.zeros(window.shape[:2], np.uint8)
    middle = (half * 16, half * 16)
    cv2.ellipse(
        curl, middle, axes, start, 0, sweep, 255, max(1, round(1.6 * scale)), cv2.LINE_AA, 4
    )
    shift = np.array([[1, 0, 1.5 * scale], [0, 1, 2.5 * scale]], np.float32)
    shadow = cv2.warpAffine(curl, shift, curl.shape[::-1])
    window *= 1 - shadow.astype(np.float32)[..., None] * np.float32(0.6 / 255)
    shine = float(rng.uniform(90, 190))
    cover = curl.astype(np.float32)[..., None] / 255
    window += cover * (np.array((shine, shine * 0.98, shine * 0.95), np.float32) - window)


def _window(belt: Field, half: int, rng: np.random.Generator) -> Field:
    """A square of the belt between the rails, somewhere, as a view."""
    rows, columns = belt.shape[:2]
    side = 2 * half + 1
    left = int(rng.integers(0, max(1, columns - side)))
    top = int(rng.integers(0, max(1, rows - side)))
    return belt[top : top + side, left : left + side]


def render_rails(settings: LineSettings) -> tuple[Image, Image]:
    """The guide rails at the top and the bottom, uint8 (h, W, 3) BGR each; they do not move."""
    rng = np.random.default_rng([settings.seed, 3])
    height = max(1, round(RAIL * settings.scale))
    top = _rail(settings, height, rng)
    bottom = _rail(settings, height, rng)[::-1]
    _ruler(top, settings.scale)
    upper, lower = _exposed(top, settings), _exposed(bottom, settings)
    _label(lower, settings)
    return upper, lower


def _rail(settings: LineSettings, height: int, rng: np.random.Generator) -> Field:
    """An extruded profile: a T-slot between two lips, the lower lip facing the belt."""
    width, scale = settings.size.width, settings.scale
    y = np.arange(height, dtype=np.float32) / np.float32(scale)
    knots = (0, 8, 9.5, 11, 13, 24, 25.5, 27, 38, 40.5, 42, 44)
    greys = (128, 136, 160, 40, 26, 34, 150, 138, 132, 176, 70, 18)
    profile = np.interp(y, knots, greys).astype(np.float32)
    grain = cv2.blur(rng.standard_normal((height, width), dtype=np.float32), (41, 1))
    return (profile[:, None] * (1 + 0.14 * grain))[..., None] * np.array(
        (1, 0.985, 0.97), np.float32
    )


def _ruler(rail: Field, scale: float) -> None:
    """Engraved ticks along the lip, a long one every tenth."""
    for number, x in enumerate(np.arange(10, rail.shape[1] / scale, 8)):
        long = number % 10 == 0
        column, thick = round(x * scale), max(1, round(scale))
        rows = slice(round((28 if long else 32) * scale), round(38 * scale))
        rail[rows, column : column + thick] *= 0.45


def _label(rail: Image, settings: LineSettings) -> None:
    """The printed label of this camera."""
    scale = settings.scale
    text, at = f"LINE {settings.seed % 100:02d}  CAM 1", (round(1038 * scale), round(16 * scale))
    left, top, right, bottom = (round(v * scale) for v in (1030, 4, 1128, 20))
    rail[top:bottom, left:right] = (60, 196, 226)
    cv2.putText(rail, text, at, FONT, 0.42 * scale, (26, 26, 26), 1, cv2.LINE_AA)


def _exposed(rail: Field, settings: LineSettings) -> Image:
    sharp = cv2.GaussianBlur(rail, (0, 0), max(0.35, 0.62 * settings.scale))
    return np.clip(sharp, 0, 255).astype(np.uint8)
