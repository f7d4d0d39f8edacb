from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.camera.pattern.dataset import dataset_frames, write_dataset
from edge.camera.pattern.scene import ProductionLine
from edge.camera.pattern.settings import LineSettings
from edge.core.types import Size

SIZE = Size(320, 180)


@pytest.mark.parametrize("workers", [1, 2])
def test_labels_are_the_truth_of_the_images(tmp_path: Path, workers: int) -> None:
    written: list[int] = []
    write_dataset(tmp_path, [1, 2], 4, size=SIZE, workers=workers, progress=written.append)
    assert written == [4, 8]
    images, labels = (sorted((tmp_path / name).iterdir()) for name in ("images", "labels"))
    assert [path.stem for path in images] == [path.stem for path in labels]
    assert len(images) == 8
    lines = {seed: ProductionLine(LineSettings(size=SIZE, seed=seed)) for seed in (1, 2)}
    for image_path, label_path in zip(images, labels, strict=True):
        seed, index = (int(word) for word in image_path.stem.split("-")[1:])
        image = cv2.imread(str(image_path))
        assert image is not None
        wanted = lines[seed].render(index)
        assert np.abs(image.astype(float) - wanted).mean() < 4
        truth = lines[seed].truth(index)
        rows = [
            [float(word) for word in row.split()] for row in label_path.read_text().splitlines()
        ]
        table = np.array(rows).reshape(-1, 5)
        assert table[:, 0].tolist() == truth.class_ids.tolist()
        centres, sizes = table[:, 1:3] * (320, 180), table[:, 3:] * (320, 180)
        boxes = np.hstack((centres - sizes / 2, centres + sizes / 2))
        np.testing.assert_allclose(boxes, truth.boxes, atol=0.01)


def test_every_frame_has_a_label_file_even_without_defects(tmp_path: Path) -> None:
    write_dataset(tmp_path, [3], 12, size=SIZE)
    texts = [path.read_text() for path in (tmp_path / "labels").iterdir()]
    assert len(texts) == 12
    assert "" in texts


def test_a_part_shows_in_few_frames_only() -> None:
    settings = LineSettings(size=SIZE)
    frames = dataset_frames(settings, 30)
    line = ProductionLine(settings)
    parts = [{id(part) for part, _, _ in line._parts(index)} for index in frames[:5]]
    assert len(set(frames)) == 30
    assert parts[0].isdisjoint(parts[-1])
