"""Which images calibrate, which are held out for the gate, and which are left out, and why."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.core.errors import DataError
from edge.quantize.coverage import Points, farthest, kinds, points_of
from edge.vision.features import Features, blurred, is_black, is_blank, near_duplicates

LEAST_FOR_INT8 = 8
"""Calibration images under which INT8 is refused (docs/decisions/0009)."""
ADVISED = 100
"""Calibration images under which a warning is due (docs/decisions/0009)."""
LEAST_HELD_OUT = 50
"""Images held out where there are more than calibration wants: the gate judges 50 boxes and more,
and many images of a good line show none."""
LEAST_OF_CLASS = 10
"""Images of a class under which it is thin: 30 % of fewer cannot be expected to show it twice."""
MOST_BLURRED = 0.25
"""Share of blurred images above which that is how the line looks, and none is left out."""

_NARROW = 6.0  # luma levels: 95 % of a set within them saw one light
_APART = 20.0  # luma levels between two kinds of light
_RARE = 0.05  # share of a set under which a kind of light is hardly covered

_UNDECIDED, _CALIBRATES, _HELD_OUT = range(3)
_Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Selection:
    """Every image of a set, in exactly one place, each sorted by name.

    Attributes:
        calibration: for the ranges.
        held_out: for the gate, never seen by calibration.
        left_out: reason by image.
        warnings: for people.
    """

    calibration: tuple[str, ...]
    held_out: tuple[str, ...]
    left_out: dict[str, str]
    warnings: tuple[str, ...]


def select(
    images: Mapping[str, Features],
    *,
    calibrate: int,
    hold_out: float = 0.3,
    classes: Mapping[str, Collection[int]] | None = None,
    labels: Sequence[str] = (),
    seed: int = 0,
) -> Selection:
    """Choose from a set of images.

    Black, blank, blurred and repeated images are left out. The held-out images are a random
    sample of what remains, spread over its kinds, for the gate asks how the line looks. Those
    that calibrate cover the rest: each is the one least like all chosen before (Gonzalez 1985),
    for ranges come from extremes. A class shown by two images or more is in both parts.

    Args:
        images: features by image.
        calibrate: how many images calibrate at most, 1 or more.
        hold_out: share of the images used that is held out, above 0, below 1. Calibration is
            given its least 8 first.
        classes: class ids that each image shows, by image, where there are labels.
        labels: class names, by class id; says which classes are missing.
        seed: of the random choices; the same seed, images and labels give the same selection.

    Raises:
        DataError: there is no image, or none that can be used.
    """
    if calibrate < 1 or not 0 < hold_out < 1:
        raise ValueError(f"calibrate must be 1 or more, hold_out in 0..1: {calibrate}, {hold_out}")
    if not images:
        raise DataError("there are no images to calibrate with; give a folder of factory images")
    left_out, warnings = _useless(images)
    names = [name for name in sorted(images) if name not in left_out]
    if not names:
        reasons = ", ".join(f"{name}: {reason}" for name, reason in sorted(left_out.items())[:3])
        raise DataError(f"none of {len(images)} images can be used ({reasons})")
    points = points_of([images[name] for name in names])
    by_class = _by_class(names, classes or {})
    part = _split(points, by_class, _held_out_count(len(names), calibrate, hold_out), seed)
    part[_surplus(points, part, by_class, calibrate)] = _UNDECIDED
    spare = f"spare: the {calibrate} images chosen for calibration cover it"
    left_out |= {names[index]: spare for index in np.flatnonzero(part == _UNDECIDED)}
    warnings += _about_counts(part)
    warnings += _about_light(np.array([images[name].brightness for name in names]))
    warnings += _about_classes(part, by_class, labels) if classes is not None else ()
    return Selection(
        calibration=tuple(names[index] for index in np.flatnonzero(part == _CALIBRATES)),
        held_out=tuple(names[index] for index in np.flatnonzero(part == _HELD_OUT)),
        left_out=dict(sorted(left_out.items())),
        warnings=tuple(warnings),
    )


def _useless(images: Mapping[str, Features]) -> tuple[dict[str, str], list[str]]:
    """Reasons by image, and warnings."""
    left_out: dict[str, str] = {}
    for name, each in images.items():
        if is_black(each):
            left_out[name] = f"black: mean brightness {each.brightness:.1f} of 255"
        elif is_blank(each):
            left_out[name] = f"blank: shows nothing, contrast {each.contrast:.1f} of 255"
    rest = [name for name in sorted(images) if name not in left_out]
    soft, warnings = _blurred(rest, images)
    left_out |= soft
    rest = [name for name in rest if name not in soft]
    if rest:
        repeated = near_duplicates(np.stack([images[name].thumbnail for name in rest]))
        left_out |= {rest[k]: f"near-duplicate of {rest[first]}" for k, first in repeated.items()}
    return left_out, warnings


def _blurred(
    names: Sequence[str], images: Mapping[str, Features]
) -> tuple[dict[str, str], list[str]]:
    sharpness = np.array([images[name].sharpness for name in names])
    soft = np.flatnonzero(blurred(sharpness)).tolist()
    if len(soft) > MOST_BLURRED * len(names):
        return {}, [
            f"{len(soft)} of {len(names)} images are far less sharp than the others, such as "
            f"{names[soft[0]]}. They are used, as so many may be normal here; if they are "
            "blurred, take them out"
        ]
    usual = f"the set's median is {np.median(sharpness):.1f}" if len(soft) else ""
    return {names[k]: f"blurred: sharpness {sharpness[k]:.1f}, {usual}" for k in soft}, []


def _by_class(names: Sequence[str], classes: Mapping[str, Collection[int]]) -> dict[int, _Indices]:
    """Indices of the images that show a class, by class id."""
    found: dict[int, list[int]] = {}
    for index, name in enumerate(names):
        for class_id in set(classes.get(name, ())):
            found.setdefault(class_id, []).append(index)
    return {class_id: np.array(found[class_id], np.intp) for class_id in sorted(found)}


def _held_out_count(usable: int, calibrate: int, hold_out: float) -> int:
    used = min(usable, round(calibrate / (1 - hold_out)))
    wanted = max(round(used * hold_out), min(LEAST_HELD_OUT, usable - calibrate))
    return max(min(wanted, usable - LEAST_FOR_INT8), min(1, usable - 1))


def _split(
    points: Points, by_class: Mapping[int, _Indices], held_out: int, seed: int
) -> NDArray[np.int8]:
    """The part of each image (N,): calibrates or held out."""
    rng = np.random.default_rng(seed)
    part = _shared_by_class(len(points), by_class, rng)
    free = np.flatnonzero(part == _UNDECIDED)
    wanted = int(np.clip(held_out - np.count_nonzero(part == _HELD_OUT), 0, len(free)))
    # Every n-th of a list sorted by kind: each kind gives its share, to the nearest image.
    by_kind = free[np.lexsort([rng.random(len(free)), kinds(points)[free]])]
    places = (np.arange(wanted) + rng.random()) * len(free) / max(wanted, 1)
    part[by_kind[places.astype(np.intp)]] = _HELD_OUT
    part[part == _UNDECIDED] = _CALIBRATES
    return part


def _shared_by_class(
    count: int, by_class: Mapping[int, _Indices], rng: np.random.Generator
) -> NDArray[np.int8]:
    """One image of each class for each part, rarest class first; the others stay undecided."""
    part = np.full(count, _UNDECIDED, np.int8)
    for members in sorted(by_class.values(), key=len):
        for wanted in (_CALIBRATES, _HELD_OUT) if len(members) > 1 else ():
            free = members[part[members] == _UNDECIDED]
            if len(free) and not (part[members] == wanted).any():
                part[rng.choice(free)] = wanted
    return part


def _surplus(
    points: Points, part: NDArray[np.int8], by_class: Mapping[int, _Indices], calibrate: int
) -> _Indices:
    """Indices of calibration images beyond those wanted: the ones that the others cover."""
    able = np.flatnonzero(part == _CALIBRATES)
    if len(able) <= calibrate:
        return able[:0]
    first: list[int] = []  # a class keeps an image, as far as the number allows
    for members in sorted(by_class.values(), key=len):
        mine = np.flatnonzero(np.isin(able, members))
        if len(mine) and not np.isin(mine, first).any():
            first.append(int(mine[0]))
    chosen = list(farthest(points[able], calibrate, first[:calibrate]))
    return np.delete(able, chosen)


def _about_counts(part: NDArray[np.int8]) -> Iterator[str]:
    calibrating = np.count_nonzero(part == _CALIBRATES)
    if calibrating < LEAST_FOR_INT8:
        yield (
            f"{calibrating} calibration images are too few for INT8, which needs at least "
            f"{LEAST_FOR_INT8}. Add images"
        )
    elif calibrating < ADVISED:
        yield (
            f"only {calibrating} calibration images; {ADVISED} or more are advised, from every "
            "shift, part and light"
        )
    if not (part == _HELD_OUT).any():
        yield "no image is left to hold out, so nothing can be proven. Add images"


def _about_light(brightness: NDArray[np.float64]) -> Iterator[str]:
    if len(brightness) < 1 / _RARE:
        return
    ordered = np.sort(brightness)
    low, high = np.quantile(ordered, (0.025, 0.975))
    if high - low < _NARROW:
        yield (
            f"one-sided: 95 % of the images have a brightness of {low:.0f} to {high:.0f} (of 255). "
            "If the light changes with the hour or the season, add images of that"
        )
    gaps = np.diff(ordered)
    after = int(gaps.argmax()) + 1
    fewer = min(after, len(ordered) - after)
    if gaps[after - 1] >= _APART and fewer <= _RARE * len(ordered):
        side = "darker" if fewer == after else "brighter"
        yield (
            f"one-sided: only {fewer} of {len(ordered)} images show the {side} of two kinds of "
            "light. Add images of that light, or take these out if they are mistakes"
        )


def _about_classes(
    part: NDArray[np.int8], by_class: Mapping[int, _Indices], labels: Sequence[str]
) -> Iterator[str]:
    for class_id in sorted({*by_class, *range(len(labels))}):
        name = repr(labels[class_id]) if class_id < len(labels) else str(class_id)
        shown = part[by_class.get(class_id, np.zeros(0, np.intp))]
        absent = [
            where
            for where, wanted in (("calibration", _CALIBRATES), ("held-out", _HELD_OUT))
            if not (shown == wanted).any()
        ]
        if not len(shown):
            yield f"no image that can be used shows class {name}. Add images that do"
        elif absent:
            yield (
                f"class {name} is shown by {len(shown)} images, but by no {absent[0]} image. "
                "Add images that show it"
            )
        elif len(shown) < LEAST_OF_CLASS:
            yield (
                f"class {name} is shown by only {len(shown)} images; {LEAST_OF_CLASS} or more "
                "are advised"
            )
