"""A graph for one image, opened for several."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from edge.core.errors import DataError
from edge.quantize.batch import open_batch
from edge.quantize.qdq import quantise
from tests.quantize.models import images
from tests.quantize.running import run


@pytest.mark.parametrize("quantised", [False, True], ids=["FP32", "Q/DQ"])
def test_every_image_is_answered_in_a_batch_as_it_is_alone(
    tiny: Path, tmp_path: Path, tiny_ranges: dict[str, float], quantised: bool
) -> None:
    graph = tiny
    if quantised:
        graph = tmp_path / "q.onnx"
        quantise(tiny, tiny_ranges, graph, placement="convs")
    open_batch(graph, tmp_path / "open.onnx")
    three = images(3)
    together = run(tmp_path / "open.onnx", np.concatenate(three))
    np.testing.assert_allclose(
        together, np.concatenate([run(graph, one) for one in three]), rtol=1e-4, atol=1e-3
    )


def test_a_target_that_other_nodes_read_too_is_left_as_it_is(tiny: Path, tmp_path: Path) -> None:
    before = onnx.load(tiny)
    open_batch(tiny, tmp_path / "open.onnx")
    after = {each.name: each for each in onnx.load(tmp_path / "open.onnx").graph.initializer}
    for tensor in before.graph.initializer:
        old, new = numpy_helper.to_array(tensor), numpy_helper.to_array(after[tensor.name])
        np.testing.assert_array_equal(old, new)


def test_a_graph_that_is_open_already_stays_as_it_is(tiny: Path, tmp_path: Path) -> None:
    open_batch(tiny, tmp_path / "once.onnx")
    open_batch(tmp_path / "once.onnx", tmp_path / "twice.onnx")
    once, twice = (onnx.load(tmp_path / f"{name}.onnx").graph for name in ("once", "twice"))
    assert [node.input for node in once.node] == [node.input for node in twice.node]


def test_a_target_that_the_network_computes_is_refused_by_name(tiny: Path, tmp_path: Path) -> None:
    model = onnx.load(tiny)
    reshape = next(node for node in model.graph.node if node.op_type == "Reshape")
    copied = onnx.helper.make_node("Identity", [reshape.input[1]], ["computed"])
    model.graph.node.insert(0, copied)
    reshape.input[1] = "computed"
    onnx.save(model, str(tmp_path / "odd.onnx"))
    with pytest.raises(DataError, match=r"\(Reshape\) takes its target.*--batch 1"):
        open_batch(tmp_path / "odd.onnx", tmp_path / "open.onnx")
