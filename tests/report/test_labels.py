from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.core.errors import DataError, InputMissingError
from edge.core.types import Size
from edge.report.labels import Labels, read_labels

CLASSES = ("scratch", "dent")
HD = Size(1280, 720)


def yolo(folder: Path, **files: str) -> Labels:
    for name, text in files.items():
        (folder / f"{name}.txt").write_text(text)
    return read_labels(folder, CLASSES)


def coco(folder: Path, **changes: Any) -> Labels:
    data = {
        "images": [{"id": 5, "file_name": "a.jpg", "width": 1280, "height": 720}],
        "categories": [{"id": 9, "name": "dent"}, {"id": 2, "name": "scratch"}],
        "annotations": [{"image_id": 5, "category_id": 9, "bbox": [10, 20, 30, 40], "id": 1}],
        **changes,
    }
    path = folder / "labels.json"
    path.write_text(json.dumps(data))
    return read_labels(path, CLASSES)


@pytest.mark.parametrize(
    ("text", "boxes", "class_ids"),
    [
        pytest.param("", [], [], id="empty file"),
        pytest.param("\n  \n", [], [], id="blank lines"),
        pytest.param("1 0.5 0.5 0.25 0.5\n", [[480, 180, 800, 540]], [1], id="one box"),
        pytest.param("1.0 0.5 0.5 1 1", [[0, 0, 1280, 720]], [1], id="class as a float"),
        pytest.param(
            "0 .5 .5 .5 .5\r\n1 .5 .5 1 1",
            [[320, 180, 960, 540], [0, 0, 1280, 720]],
            [0, 1],
            id="two, written on Windows",
        ),
    ],
)
def test_yolo_boxes_become_pixels(
    tmp_path: Path, text: str, boxes: list[list[float]], class_ids: list[int]
) -> None:
    truth = yolo(tmp_path, a=text).truth("a.jpg", HD)
    assert truth.boxes.tolist() == boxes
    assert truth.class_ids.tolist() == class_ids
    assert not truth.crowd.any()
    assert truth.boxes.dtype == np.float32
    assert truth.boxes.shape == (len(boxes), 4)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        pytest.param("2 .5 .5 .1 .1", "class 2, but the model knows 0 to 1", id="unknown class"),
        pytest.param("-1 .5 .5 .1 .1", "class -1, but", id="negative class"),
        pytest.param("0.5 .5 .5 .1 .1", r"class 0\.5, but", id="half a class"),
        pytest.param("0 1.5 .5 .1 .1", "shares of the image, 0 to 1", id="outside"),
        pytest.param("0 320 240 64 64", "shares of the image, 0 to 1", id="pixels"),
        pytest.param("0 nan .5 .1 .1", "shares of the image, 0 to 1", id="not a number"),
        pytest.param("0 .5 .5 0 .1", "no area", id="no area"),
        pytest.param("0 .5 .5 .1", "4 numbers, wanted 5", id="too few"),
        pytest.param("0 .5 .5 .1 .1 .9", "6 numbers, wanted 5", id="a score too"),
        pytest.param("dent .5 .5 .1 .1", "not numbers: 'dent", id="a name"),
    ],
)
def test_a_bad_line_is_named_with_its_file_and_number(
    tmp_path: Path, line: str, problem: str
) -> None:
    place = re.escape(str(tmp_path / "a.txt"))
    with pytest.raises(DataError, match=f"^{place}:2: .*{problem}"):
        yolo(tmp_path, a=f"0 .5 .5 .1 .1\n{line}\n")


def test_many_bad_lines_are_counted(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        yolo(tmp_path, a="7 .5 .5 .1 .1\n" * 25)
    lines = str(caught.value).splitlines()
    assert len(lines) == 11
    assert lines[-1] == "… and 15 more"


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"a\.txt: cannot be read as text"):
        read_labels(tmp_path, CLASSES)


def test_repeated_lines_count_once_and_are_mentioned(tmp_path: Path) -> None:
    labels = yolo(tmp_path, a="0 .5 .5 .1 .1\n" * 3)
    assert len(labels.truth("a.jpg", HD).boxes) == 1
    assert labels.warnings == ("2 label lines are exact repeats and were left out",)


def test_sub_folders_and_other_endings_find_their_labels(tmp_path: Path) -> None:
    (tmp_path / "night").mkdir()
    (tmp_path / "night" / "a.txt").write_text("1 .5 .5 1 1")
    labels = yolo(tmp_path, a="0 .5 .5 1 1", classes="scratch\ndent")
    assert len(labels) == 2
    assert labels.truth("a.png", HD).class_ids.tolist() == [0]
    assert labels.truth("night/a.jpeg", HD).class_ids.tolist() == [1]


def test_images_without_labels_and_labels_without_images_are_counted(tmp_path: Path) -> None:
    labels = yolo(tmp_path, a="", b="0 .5 .5 1 1")
    assert labels.missing(["a.jpg", "b.jpg"]) == []
    assert labels.missing(["a.jpg", "c.jpg", "d.jpg"]) == [
        "2 images have no labels and count as images without objects, such as c",
        "1 labels have no image, such as b",
    ]
    assert len(labels.truth("c.jpg", HD).boxes) == 0


def test_labels_of_other_images_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none of the 1 images; wanted, for example: x\.txt"):
        yolo(tmp_path, a="").missing(["x.jpg"])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        pytest.param(lambda p: p / "gone", InputMissingError, "no such folder or file", id="gone"),
        pytest.param(lambda p: p, DataError, r"holds no \.txt file", id="empty folder"),
        pytest.param(lambda p: a_file(p / "a.csv", ""), DataError, "COCO .json file", id="csv"),
        pytest.param(lambda p: a_file(p / "a.json", "{\n]"), DataError, r"a.json:2: not", id="js"),
        pytest.param(lambda p: a_file(p / "a.json", "{}"), DataError, "not COCO", id="no COCO"),
        pytest.param(lambda p: a_file(p / "a.json", "[]"), DataError, "not COCO", id="a list"),
        pytest.param(lambda p: a_file(p / "a.json", "[" * 10**6), DataError, "not ", id="nested"),
    ],
)
def test_what_is_no_label_set_is_refused(
    tmp_path: Path, make: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        read_labels(make(tmp_path), CLASSES)


def a_file(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_coco_categories_are_matched_by_name(tmp_path: Path) -> None:
    truth = coco(tmp_path).truth("a.jpg", HD)
    assert truth.boxes.tolist() == [[10, 20, 40, 60]]
    assert truth.class_ids.tolist() == [1]


def test_coco_crowds_are_marked(tmp_path: Path) -> None:
    crowd = {"image_id": 5, "category_id": 2, "bbox": [0, 0, 9, 9], "iscrowd": 1}
    assert coco(tmp_path, annotations=[crowd]).truth("a.jpg", HD).crowd.tolist() == [True]


def test_an_image_of_another_size_than_labelled_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is 1280x720 in the labels, but the file is 720x1280"):
        coco(tmp_path).truth("a.jpg", Size(720, 1280))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        pytest.param({"category_id": 7}, "category 7 is not among", id="unknown category"),
        pytest.param({"image_id": 6}, "image_id 6 is not among the images", id="unknown image"),
        pytest.param({"bbox": [1, 2, 0, 4]}, "has no area", id="no area"),
        pytest.param({"bbox": [1, 2, 3]}, "not enough values", id="three numbers"),
        pytest.param({"bbox": None}, "incomplete", id="no box"),
    ],
)
def test_a_bad_annotation_is_named(tmp_path: Path, change: dict[str, Any], problem: str) -> None:
    annotation = {"image_id": 5, "category_id": 9, "bbox": [1, 2, 3, 4], **change}
    with pytest.raises(DataError, match=rf"labels.json: annotations\[0\]: .*{problem}"):
        coco(tmp_path, annotations=[annotation])


def test_a_category_that_the_model_does_not_know_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="category 'rust' is not among the model's labels"):
        coco(tmp_path, categories=[{"id": 9, "name": "rust"}])


def test_two_images_of_one_name_are_refused(tmp_path: Path) -> None:
    image = {"file_name": "a.jpg", "width": 1280, "height": 720}
    with pytest.raises(DataError, match="two images have the same name"):
        coco(tmp_path, images=[{"id": 5, **image}, {"id": 6, **image}])
