"""PyTorch weights to ONNX, by way of Ultralytics; only this room imports it.

A ``.pt`` file is a Python pickle: opening one can run code that somebody put into it. Ultralytics
is asked to load nothing but model classes that it knows (versions before 8.4 do not have that
switch), and still: export only files whose source you trust. It is also asked to stay off the
network and to install nothing.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx

from edge.core.errors import DataError, InputMissingError, MissingLibraryError

OPSET = 17
"""Read by every TensorRT from 8.5 on and every ONNX Runtime from 1.12 on."""
_STRIDE = 32
_QUIET_AND_OFFLINE = {
    "YOLO_OFFLINE": "true",
    "YOLO_AUTOINSTALL": "false",
    "YOLO_VERBOSE": "false",
    "ULTRALYTICS_SAFE_LOAD": "true",
}


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What was written.

    Attributes:
        onnx: the file.
        sha256: of its bytes, hexadecimal.
        imgsz: width and height of the model's input, pixels; the default one if it is dynamic.
        labels: class names, by class id.
    """

    onnx: Path
    sha256: str
    imgsz: int
    labels: tuple[str, ...]


def export_onnx(
    weights: Path,
    output: Path,
    *,
    imgsz: int = 640,
    dynamic: bool = False,
    opset: int | None = None,
) -> ExportReport:
    """Convert a trained YOLOv8 detection model. ``output`` appears whole or not at all.

    Args:
        weights: a ``.pt`` file of Ultralytics. It can hold code: see the top of this module.
        output: ONNX file to write; an older one is replaced.
        imgsz: side of the square input, pixels, a multiple of 32.
        dynamic: leave batch, height and width open in the ONNX.
        opset: ONNX operator set; none: ``OPSET``.

    Raises:
        InputMissingError: there are no such weights, or no folder to write into.
        DataError: they are not those of a YOLOv8-style detection model, or cannot be exported.
        MissingLibraryError: Ultralytics is not installed.
    """
    if not weights.is_file():
        raise InputMissingError(f"{weights}: no such file. Name the .pt file of your training")
    if not output.parent.is_dir():
        raise InputMissingError(f"{output.parent}: no such folder. Create it first")
    if imgsz < _STRIDE or imgsz % _STRIDE:
        raise DataError(f"imgsz is {imgsz}, but must be a multiple of {_STRIDE}, such as 640")
    yolo = load_ultralytics()
    with tempfile.TemporaryDirectory(prefix=".export-", dir=output.parent) as folder:
        # Ultralytics writes beside the weights; a copy keeps that folder as it was.
        copy = Path(folder, "weights.pt")
        shutil.copyfile(weights, copy)
        model = load_model(yolo, copy, weights)
        try:
            exported = model.export(
                format="onnx",
                imgsz=imgsz,
                dynamic=dynamic,
                opset=opset or OPSET,
                simplify=False,  # both runtimes simplify by themselves; this keeps exports equal
                device="cpu",
            )
        except Exception as error:  # whatever PyTorch, ONNX or Ultralytics raise
            raise DataError(f"{weights}: cannot be exported: {error}") from error
        labels = tuple(model.names.values())
        check_head(Path(exported), len(labels), weights)
        sha256 = _publish(Path(exported), output)
    return ExportReport(output, sha256, imgsz, labels)


def load_ultralytics() -> Any:
    """Ultralytics' ``YOLO``, told to stay offline; the environment keeps what it was told.

    Raises:
        MissingLibraryError: it, or PyTorch, is not installed.
    """
    for name, value in _QUIET_AND_OFFLINE.items():  # read when Ultralytics is imported
        os.environ.setdefault(name, value)
    try:
        from ultralytics import YOLO
    except ImportError as error:
        raise MissingLibraryError(
            f"exporting needs Ultralytics and PyTorch, and {error.name} is not installed. Run: "
            "pip install 'edge-inspect[export]'  (without an NVIDIA GPU, install PyTorch's far "
            "smaller CPU-only build first; PyTorch's 'Get started' page has the command)"
        ) from error
    return YOLO


def load_model(yolo: Any, file: Path, weights: Path) -> Any:
    """The model, if it is one that finds boxes.

    Args:
        yolo: of :func:`load_ultralytics`.
        file: the weights, or a copy of them.
        weights: what messages call them.

    Raises:
        DataError: it is not.
    """
    try:
        model = yolo(file)
        task = model.task
    except Exception as error:  # a pickle of anything can fail with anything
        raise DataError(
            f"{weights}: not weights that Ultralytics can load ({type(error).__name__}: "
            f"{str(error).splitlines()[0] if str(error) else 'no reason given'})"
        ) from error
    if task != "detect":
        raise DataError(f"{weights}: a model for the task {task!r}; Edge runs 'detect' models")
    return model


def check_head(exported: Path, classes: int, weights: Path) -> None:
    """Make sure that an export answers as YOLOv8 does: (N, 4 + classes, anchors).

    Newer families have a head without NMS, (N, 300, 6), which some versions export by default.
    A size that a dynamic export leaves open passes; the engine sees it when it runs.

    Raises:
        DataError: it answers in another shape.
    """
    outputs = onnx.load(exported, load_external_data=False).graph.output
    shapes = [[dim.dim_value for dim in v.type.tensor_type.shape.dim] for v in outputs]
    fits = len(shapes) == 1 and len(shapes[0]) == 3 and shapes[0][1] in (0, 4 + classes)
    if not fits:
        raise DataError(
            f"{weights}: its export answers with {shapes}, not with one head (1, {4 + classes}, "
            "anchors) as YOLOv8 does. Train a YOLOv8 model: yolo train model=yolov8n.pt"
        )


def _publish(exported: Path, output: Path) -> str:
    """Move a file to its name so that a power cut leaves the old one or the new; its SHA-256."""
    sha256 = hashlib.sha256(exported.read_bytes()).hexdigest()
    _sync(exported)
    exported.replace(output)
    _sync(output.parent)
    return sha256


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
