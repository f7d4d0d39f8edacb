"""The images of a build: read strictly, chosen with care, and every one accounted for."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from edge.app.work import Told
from edge.camera.images import list_images, read_image
from edge.core.errors import EdgeError
from edge.core.types import Frame
from edge.quantize.selection import Selection, select
from edge.report.labels import Labels, Truth, read_labels
from edge.vision.features import Features, features


class ImageSet:
    """A folder of images and their labels; each thing is found out once, when first needed."""

    def __init__(
        self,
        folder: Path,
        labels: Path | None,
        names: Sequence[str],
        calibrate: int,
        told: Told,
        unlabelled: Path | None = None,
    ) -> None:
        """Prepare; nothing is read yet.

        Args:
            folder: of images.
            labels: YOLO folder or COCO file of that folder, or None.
            names: the model's class names, by class id.
            calibrate: how many images to calibrate with, at most.
            told: progress: what is being done, how far, of how much.
            unlabelled: folder of further images that nobody has labelled.
        """
        self._folder = folder
        self._unlabelled = unlabelled
        self._labels_source = labels
        self._names = names
        self._calibrate = calibrate
        self._told = told
        self._refused: dict[str, str] = {}

    @cached_property
    def paths(self) -> dict[str, Path]:
        """Every image, by its path below its folder; unlabelled ones with their folder's name."""
        found = _by_name(self._folder)
        if self._unlabelled is not None:
            prefix = self._unlabelled.name
            more = _by_name(self._unlabelled)
            found |= {f"{prefix}/{name}": path for name, path in more.items()}
        return found

    @cached_property
    def features(self) -> dict[str, Features]:
        """Of every image that can be read; the others are left out by name."""
        found: dict[str, Features] = {}
        for done, (name, path) in enumerate(self.paths.items()):
            try:
                found[name] = features(read_image(path))
            except EdgeError as error:
                self._refused[name] = str(error)
            self._told("looking at images", done + 1, len(self.paths))
        return found

    @cached_property
    def _labels(self) -> Labels | None:
        source = self._labels_source
        return None if source is None else read_labels(source, self._names)

    @cached_property
    def selection(self) -> Selection:
        """Which images calibrate, which are held out for the gate, and which are neither."""
        return select(
            self.features,
            calibrate=self._calibrate,
            classes=self._classes(),
            labels=self._names,
        )

    @property
    def left_out(self) -> dict[str, str]:
        """Why an image is used for nothing, by name."""
        return {**self._refused, **self.selection.left_out}

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is odd about images and labels, for people."""
        labels = self._labels
        known = self._labelled(self.features)
        notes = [] if labels is None else [*labels.warnings, *labels.missing(known)]
        return (*self.selection.warnings, *notes)

    def frames(self, names: Sequence[str]) -> Iterator[tuple[str, Frame]]:
        """Read these images, one at a time."""
        for index, name in enumerate(names):
            yield name, Frame(read_image(self.paths[name]), index, time.monotonic())

    def truths(self, names: Sequence[str]) -> Mapping[str, Truth]:
        """Ground truth of those that somebody labelled; empty without labels."""
        labels = self._labels
        if labels is None:
            return {}
        known = self._labelled(names)
        return {name: labels.truth(name, frame.size) for name, frame in self.frames(known)}

    def _classes(self) -> dict[str, set[int]] | None:
        if self._labels is None:
            return None
        return {name: self._labels.class_ids(name) for name in self._labelled(self.features)}

    def _labelled(self, names: Iterable[str]) -> list[str]:
        if self._unlabelled is None:
            return list(names)
        return [name for name in names if not self.paths[name].is_relative_to(self._unlabelled)]


def _by_name(folder: Path) -> dict[str, Path]:
    return {path.relative_to(folder).as_posix(): path for path in list_images(folder)}
