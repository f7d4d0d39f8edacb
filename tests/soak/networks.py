"""The shipped network at a small input size, well and ill, and bundles of it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from edge.app.parts import shipped_model
from edge.engine import publish
from edge.engine.bundle import write_bundle
from edge.engine.publish import BUILDS, BusyError
from tests.engine.bundles import fields
from tests.engine.models import saved

SIDE = 160
"""Of the model's input, pixels: 1/16 of the work at 640."""
BRIGHT = 0.7
"""Mean brightness, 0..1, above which an overflowing engine answers NaN."""
STRIDES = (8, 16, 32)  # of YOLOv8's three scales

Graph = Any
Result = TypeVar("Result")
Illness = Callable[[Graph], None]


def small_network(side: int = SIDE) -> Graph:
    """The shipped network for inputs of ``side`` x ``side`` pixels, with the very same weights.

    Of an export with fixed sizes only the grid of anchors and the shapes that count them depend on
    the input's size.
    """
    model = onnx.load(shipped_model())
    before = model.graph.output[0].type.tensor_type.shape.dim[2].dim_value
    points, strides = _grid(side)
    anchors = strides.shape[1]
    for node in model.graph.node:
        if node.op_type == "Constant":
            value = numpy_helper.to_array(node.attribute[0].t)
            if value.shape[-1:] == (before,):
                value = points if value.ndim == 3 else strides
            elif value.ndim == 1:
                value = np.where(value == before, anchors, value).astype(value.dtype)
            node.attribute[0].t.CopyFrom(numpy_helper.from_array(value))
    _resize(model.graph.input[0], 1, 3, side, side)
    _resize(model.graph.output[0], 1, 9, anchors)
    del model.graph.value_info[:]
    for entry in model.metadata_props:
        if entry.key == "imgsz":
            entry.value = f"[{side}, {side}]"
    return model


def _grid(side: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Centres (1, 2, A) of all cells, in cells, and their strides (1, A) in pixels."""
    cells = [np.arange(side // stride, dtype=np.float32) + 0.5 for stride in STRIDES]
    points = [np.stack(np.meshgrid(each, each)).reshape(1, 2, -1) for each in cells]
    strides = [
        np.full((1, len(each) ** 2), s, np.float32) for each, s in zip(cells, STRIDES, strict=True)
    ]
    return np.concatenate(points, 2), np.concatenate(strides, 1)


def _resize(value: Any, *shape: int) -> None:
    for dimension, size in zip(value.type.tensor_type.shape.dim, shape, strict=True):
        dimension.dim_value = size


def well(_network: Graph) -> None:
    """Nothing is wrong with it."""


def collapsed(network: Graph) -> None:
    """INT8 gone wrong: every class score is nought."""
    kept = np.repeat(np.array([1.0, 0.0], np.float32), [4, 5]).reshape(1, 9, 1)
    _times(network, kept)


def sick(network: Graph) -> None:
    """Answers NaN to everything."""
    _times(network, np.full((1, 9, 1), np.nan, np.float32))


def overflowing(network: Graph) -> None:
    """Right, but NaN for a picture that is brighter than any it was calibrated with."""
    _append(network, "margin", np.array(BRIGHT, np.float32))
    _append(network, "nothing", np.array(0, np.float32))
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Sub", ["margin", "mean"], ["left"]),
        helper.make_node("Sqrt", ["left"], ["root"]),
        helper.make_node("Mul", ["root", "nothing"], ["odd"]),
    ]
    _behind(network, "Add", "odd", nodes)


def _times(network: Graph, factor: NDArray[np.float32]) -> None:
    _append(network, "factor", factor)
    _behind(network, "Mul", "factor", [])


def _append(network: Graph, name: str, value: NDArray[np.float32]) -> None:
    network.graph.initializer.append(numpy_helper.from_array(value, name))


def _behind(network: Graph, kind: str, other: str, nodes: list[Any]) -> None:
    """Combine the head with something else, under the head's old name."""
    last = network.graph.node[-1]
    last.output[0] = "head"
    network.graph.node.extend([*nodes, helper.make_node(kind, ["head", other], ["output0"])])


def patiently(work: Callable[[], Result]) -> Result:
    """As a person does who is told to try again: the service may be publishing, too."""
    while True:
        try:
            return work()
        except BusyError:
            time.sleep(0.2)


class Builder:
    """Whoever builds bundles for a line, and clears the old ones away."""

    def __init__(self, models: Path, work: Path, key: Path) -> None:
        """Build for ``models``; ``work`` is a folder for the graphs."""
        self.models = models
        self._work = work
        self._key = key
        self._small = small_network()
        self._fallback = self._saved(well)

    def build(self, illness: Illness = overflowing) -> Path:
        """A bundle whose engine has this illness, and whose fallback is well; not published yet."""
        self._clear()
        files = {"engine.onnx": self._saved(illness), "fallback.onnx": self._fallback}
        made = fields(
            engine="engine.onnx",
            fallback="fallback.onnx",
            labels=["scratch", "dent", "crack", "stain", "missing_hole"],
            input_size={"width": SIDE, "height": SIDE},
        )
        return write_bundle(self.models, files, made, key=self._key)

    def publish(self, illness: Illness = overflowing) -> str:
        """Build and publish; its name."""
        bundle = patiently(lambda: self.build(illness))
        patiently(lambda: publish.publish(self.models, bundle))
        return bundle.name

    def _saved(self, illness: Illness) -> Path:
        path = self._work / f"{illness.__name__}.onnx"
        if not path.exists():
            network = type(self._small)()
            network.CopyFrom(self._small)
            illness(network)
            saved(network, path)
        return path

    def _clear(self) -> None:
        """Only what is in use and the one before stay."""
        kept = {publish.in_use(self.models), publish.before(self.models)}
        for bundle in (self.models / BUILDS).glob("[!.]*"):
            if bundle.name not in kept:
                shutil.rmtree(bundle)
