"""Rendered frames and their truth as a YOLO data set, for training and calibration.

Needs NumPy and OpenCV only, so that a rented GPU host can write its own.
"""

from __future__ import annotations

import functools
import itertools
import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2

from edge.camera.pattern.scene import PITCH, ProductionLine
from edge.camera.pattern.settings import LineSettings
from edge.core.errors import DataError
from edge.core.types import Detections, Size

_SMALL = (cv2.IMWRITE_JPEG_OPTIMIZE, 1, cv2.IMWRITE_JPEG_PROGRESSIVE, 1)  # the same pixels

STEP = 1.43
"""Belt movement between two frames, in pitches: a part shows in few frames, each elsewhere."""


def write_dataset(  # noqa: PLR0913 - each is one plain choice, by name
    folder: Path,
    seeds: Sequence[int],
    frames_per_seed: int,
    *,
    size: Size = Size(1280, 720),  # noqa: B008 - Size is frozen
    quality: int = 92,
    workers: int = 1,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Write ``images/NAME.jpg`` and ``labels/NAME.txt`` for some frames of every seed.

    Args:
        folder: made if it is missing; files of the same name are replaced.
        seeds: one line each; names carry seed and frame index.
        frames_per_seed: how many frames of each line.
        size: of the images, pixels.
        quality: of the JPEG files, 0..100.
        workers: processes to share the seeds; with more than one, a script that calls this needs
            its ``if __name__ == "__main__":`` guard, since every worker imports it.
        progress: told how many images are written so far, after every seed.

    Raises:
        DataError: an image could not be encoded or written.
    """
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    write = functools.partial(_write_seed, folder, frames_per_seed, size, quality)
    with _mapper(min(workers, len(seeds))) as mapper:
        for done in itertools.accumulate(mapper(write, seeds)):
            if progress is not None:
                progress(done)


def dataset_frames(settings: LineSettings, count: int) -> list[int]:
    """Indices of ``count`` frames that lie far enough apart to show each part only a few times."""
    per_frame = settings.speed_px_s / settings.fps
    step = max(1, round(STEP * PITCH / per_frame)) if per_frame else 1
    return [number * step for number in range(count)]


def yolo_lines(truth: Detections, size: Size) -> list[str]:
    """One line a defect: class, centre x, centre y, width, height; shares of the picture."""
    lines = []
    for (x1, y1, x2, y2), class_id in zip(truth.boxes.tolist(), truth.class_ids, strict=True):
        cx, cy = (x1 + x2) / 2 / size.width, (y1 + y2) / 2 / size.height
        width, height = (x2 - x1) / size.width, (y2 - y1) / size.height
        lines.append(f"{class_id} {cx:.6f} {cy:.6f} {width:.6f} {height:.6f}")
    return lines


Mapper = Callable[[Callable[[int], int], Iterable[int]], Iterator[int]]


@contextmanager
def _mapper(workers: int) -> Iterator[Mapper]:
    if workers <= 1:
        yield map
        return
    # A forked copy of a process with threads can hang, so every worker starts afresh.
    with multiprocessing.get_context("spawn").Pool(workers, cv2.setNumThreads, (1,)) as pool:
        yield pool.imap_unordered


def _write_seed(folder: Path, frames: int, size: Size, quality: int, seed: int) -> int:
    settings = LineSettings(size=size, seed=seed)
    line = ProductionLine(settings)
    for index in dataset_frames(settings, frames):
        name = f"line-{seed:05d}-{index:06d}"
        _write_jpeg(folder / "images" / f"{name}.jpg", line, index, quality)
        lines = yolo_lines(line.truth(index), size)
        text = "".join(f"{label}\n" for label in lines)
        (folder / "labels" / f"{name}.txt").write_text(text, encoding="ascii")
    return frames


def _write_jpeg(path: Path, line: ProductionLine, index: int, quality: int) -> None:
    good, data = cv2.imencode(
        ".jpg", line.render(index), (cv2.IMWRITE_JPEG_QUALITY, quality, *_SMALL)
    )
    if not good:
        raise DataError(f"{path}: OpenCV could not encode the image; use a size up to 4096x4096")
    try:
        path.write_bytes(data.tobytes())
    except OSError as error:
        raise DataError(f"{path}: cannot write the image ({error.strerror})") from error
