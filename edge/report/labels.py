"""Ground truth from YOLO text files or COCO JSON; whatever is odd is named, with its place."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.core.errors import DataError, InputMissingError
from edge.core.types import Size

_MOST_PROBLEMS = 10  # named in one message; the rest is counted
_NOT_LABELS = frozenset({"classes.txt"})  # what labelling tools write beside the labels


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """The objects in one image, N of them as parallel arrays.

    Attributes:
        boxes: float32 (N, 4), x1 y1 x2 y2, image pixels.
        class_ids: int32 (N,), index into the model's labels.
        crowd: bool (N,), COCO's mark for a group: finding it is neither right nor wrong.
    """

    boxes: NDArray[np.float32]
    class_ids: NDArray[np.int32]
    crowd: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Box:
    class_id: int
    corners: tuple[float, float, float, float]
    crowd: bool = False


@dataclass(frozen=True, slots=True)
class _Entry:
    """One image's boxes: in shares of its sides, or in pixels of a size that the labels state."""

    boxes: list[_Box]
    size: Size | None = None


@dataclass(frozen=True)
class Labels:
    """The ground truth of a set of images, read and checked.

    Attributes:
        source: folder or file it came from.
        warnings: oddities that do not stop a scoring, for people.
    """

    source: Path
    warnings: tuple[str, ...]
    _entries: Mapping[str, _Entry] = field(repr=False)

    def __len__(self) -> int:
        """How many images have labels, empty ones included."""
        return len(self._entries)

    def truth(self, image: str, size: Size) -> Truth:
        """The objects in one image; none if it has no labels (see ``missing``).

        Args:
            image: path of the image below the image folder, such as ``part7/0001.jpg``.
            size: of the image as it was decoded, pixels.

        Raises:
            DataError: the labels were made on an image of another size.
        """
        entry = self._entries.get(_key(image), _Entry([]))
        if entry.size not in (None, size):
            raise DataError(
                f"{self.source}: {image} is {entry.size} in the labels, but the file is {size}. "
                "Were the images resized or rotated after labelling?"
            )
        scale = (size.width, size.height) * 2 if entry.size is None else (1, 1, 1, 1)
        corners = np.array([box.corners for box in entry.boxes], np.float64).reshape(-1, 4)
        return Truth(
            (corners * scale).astype(np.float32),
            np.array([box.class_id for box in entry.boxes], np.int32),
            np.array([box.crowd for box in entry.boxes], np.bool_),
        )

    def class_ids(self, image: str) -> set[int]:
        """The classes that one image shows; none if it has no labels."""
        return {box.class_id for box in self._entries.get(_key(image), _Entry([])).boxes}

    def missing(self, images: Collection[str]) -> list[str]:
        """What the labels and these images do not share, for people.

        An image without labels counts as one without objects, as everywhere in the field.

        Raises:
            DataError: not one of the images has labels.
        """
        keys = {_key(image) for image in images}
        unlabelled, orphans = keys - self._entries.keys(), self._entries.keys() - keys
        if keys and unlabelled == keys:
            raise DataError(
                f"{self.source}: holds labels for none of the {len(keys)} images; wanted, for "
                f"example: {min(keys)}.txt. Do --images and --labels belong together?"
            )
        notes = []
        if unlabelled:
            notes.append(
                f"{len(unlabelled)} images have no labels and count as images without objects, "
                f"such as {min(unlabelled)}"
            )
        if orphans:
            notes.append(f"{len(orphans)} labels have no image, such as {min(orphans)}")
        return notes


def read_labels(source: Path, labels: Sequence[str]) -> Labels:
    """Read ground truth.

    Args:
        source: a folder of YOLO text files (``class cx cy w h``, shares of the image's sides, one
            file an image, sub-folders allowed), or a COCO JSON file.
        labels: the model's class names, by class id. COCO categories are matched by name.

    Raises:
        InputMissingError: there is no such folder or file.
        DataError: anything in it is wrong; the message names up to ten places.
    """
    if source.is_dir():
        return _read_yolo(source, labels)
    if not source.exists():
        raise InputMissingError(f"{source}: no such folder or file of labels")
    if source.suffix.lower() == ".json":
        return _read_coco(source, labels)
    raise DataError(f"{source}: labels are a folder of YOLO .txt files, or a COCO .json file")


def _key(image: str) -> str:
    return str(PurePosixPath(image).with_suffix(""))


def _read_yolo(folder: Path, labels: Sequence[str]) -> Labels:
    files = [path for path in sorted(folder.rglob("*.txt")) if path.name not in _NOT_LABELS]
    if not files:
        raise DataError(f"{folder}: holds no .txt file; YOLO labels are one text file an image")
    problems: list[str] = []
    entries, repeated = {}, 0
    for path in files:
        boxes = _yolo_boxes(path, len(labels), problems)
        once = list(dict.fromkeys(boxes))
        repeated += len(boxes) - len(once)
        entries[_key(path.relative_to(folder).as_posix())] = _Entry(once)
    _raise(problems)
    notes = (f"{repeated} label lines are exact repeats and were left out",) if repeated else ()
    return Labels(folder, notes, entries)


def _yolo_boxes(path: Path, classes: int, problems: list[str]) -> list[_Box]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"{path}: cannot be read as text: {error}")
        return []
    boxes = []
    for number, line in enumerate(lines, start=1):
        try:
            if line.strip():
                boxes.append(_yolo_box(line, classes))
        except ValueError as error:
            problems.append(f"{path}:{number}: {error}")
    return boxes


def _yolo_box(line: str, classes: int) -> _Box:
    """One line; ``ValueError`` says what is wrong with it."""
    words = line.split()
    if len(words) != 5:
        raise ValueError(f"{len(words)} numbers, wanted 5: class cx cy w h")
    try:
        class_id, (x, y, width, height) = float(words[0]), map(float, words[1:])
    except ValueError:
        raise ValueError(f"not numbers: {line.strip()[:60]!r}") from None
    if not class_id.is_integer() or not 0 <= class_id < classes:
        raise ValueError(f"class {words[0]}, but the model knows 0 to {classes - 1}")
    if not all(0 <= share <= 1 for share in (x, y, width, height)):
        raise ValueError(f"coordinates must be shares of the image, 0 to 1: {line.strip()[:60]!r}")
    if width == 0 or height == 0:
        raise ValueError("the box has no area")
    corners = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    return _Box(int(class_id), corners)


def _read_coco(path: Path, labels: Sequence[str]) -> Labels:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        images, annotations = data["images"], data["annotations"]
        names = {category["id"]: category["name"] for category in data["categories"]}
        entries = {
            image["id"]: (
                _key(image["file_name"]),
                _Entry([], Size(int(image["width"]), int(image["height"]))),
            )
            for image in images
        }
    except OSError as error:
        raise InputMissingError(f"{path}: cannot be read: {error.strerror}") from error
    except json.JSONDecodeError as error:
        raise DataError(f"{path}:{error.lineno}: not JSON: {error.msg}") from error
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise DataError(
            f"{path}: not COCO labels ({type(error).__name__}: {error}); wanted images, "
            "annotations and categories"
        ) from error
    by_name = dict(entries.values())
    problems = [f"{path}: two images have the same name"] if len(by_name) < len(entries) else []
    for number, annotation in enumerate(annotations):
        try:
            _add_coco(annotation, names, labels, entries)
        except ValueError as error:
            problems.append(f"{path}: annotations[{number}]: {error}")
    _raise(problems)
    return Labels(path, (), by_name)


def _add_coco(
    annotation: Any,
    names: Mapping[Any, str],
    labels: Sequence[str],
    entries: Mapping[Any, tuple[str, _Entry]],
) -> None:
    """Put one annotation with its image; ``ValueError`` says what is wrong with it."""
    try:
        image, category = annotation["image_id"], annotation["category_id"]
        x, y, width, height = (float(number) for number in annotation["bbox"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"incomplete ({type(error).__name__}: {error})") from error
    if image not in entries:
        raise ValueError(f"image_id {image!r} is not among the images")
    if (label := names.get(category)) not in labels:
        raise ValueError(f"category {label or category!r} is not among the model's labels")
    if not all(map(math.isfinite, (x, y, width, height))) or width <= 0 or height <= 0:
        raise ValueError(f"bbox {annotation['bbox']} has no area")
    corners = (x, y, x + width, y + height)
    crowd = bool(annotation.get("iscrowd", 0))
    entries[image][1].boxes.append(_Box(labels.index(str(label)), corners, crowd))


def _raise(problems: Sequence[str]) -> None:
    if problems:
        more = len(problems) - _MOST_PROBLEMS
        tail = [f"… and {more} more"] if more > 0 else []
        raise DataError("\n".join([*problems[:_MOST_PROBLEMS], *tail]))
