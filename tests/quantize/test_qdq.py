"""Q/DQ pairs: on the right tensors, with the right scales, and nowhere else."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from onnx import helper

from edge.core.build import Placement
from edge.core.errors import DataError
from edge.quantize.collect import collect
from edge.quantize.qdq import activation_tensors, is_quantised, quantise, weight_scales
from edge.quantize.ranges import ranges_from
from tests.quantize.models import CONVS, DFL, HEAD, NECK, OUTPUTS, SHIPPED, images, model, tiny_yolo
from tests.quantize.running import constants, kinds, node_inputs, run

QUANTISED = {
    "convs": {*CONVS[1:], *HEAD},
    "neck": {*CONVS, *HEAD, *NECK},
}
KEPT_FLOAT = {
    "convs": {CONVS[0]: "first", **dict.fromkeys(OUTPUTS, "last"), DFL: "decode"},
    "neck": {**dict.fromkeys(OUTPUTS, "last"), DFL: "decode"},
}
SHIPPED_OUTPUTS = {f"/model.22/cv{b}.{k}/cv{b}.{k}.2/Conv" for b in (2, 3) for k in range(3)}
PLACEMENTS: tuple[Placement, ...] = ("convs", "neck")


def dequantised(tensor: str) -> str:
    return f"{tensor}_dequantised"


@pytest.fixture(scope="module")
def shipped_ranges() -> dict[str, float]:
    return ranges_from(collect(SHIPPED, images(1, side=640), threads=1), "minmax")


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_each_layer_is_where_the_placement_puts_it(
    placement: Placement, tiny: Path, tiny_ranges: dict[str, float], tmp_path: Path
) -> None:
    report = quantise(tiny, tiny_ranges, tmp_path / "q.onnx", placement=placement)
    assert set(report.quantised) == QUANTISED[placement]
    begins = {name: reason.split()[0].rstrip(":") for name, reason in report.kept_float.items()}
    assert begins == KEPT_FLOAT[placement]


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_the_report_is_what_the_file_holds(
    placement: Placement, tiny: Path, tiny_ranges: dict[str, float], tmp_path: Path
) -> None:
    report = quantise(tiny, tiny_ranges, tmp_path / "q.onnx", placement=placement)
    before, after = node_inputs(tiny), node_inputs(tmp_path / "q.onnx")
    reads_int8 = {name for name in before if any("_dequantised" in t for t in after[name])}
    assert reads_int8 == set(report.quantised)
    for name in set(before) - reads_int8:
        assert after[name] == before[name], f"{name} was touched"


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_the_shipped_model_keeps_exactly_these_nodes_float(
    placement: Placement, shipped_ranges: dict[str, float], tmp_path: Path
) -> None:
    output = tmp_path / "q.onnx"
    report = quantise(SHIPPED, shipped_ranges, output, placement=placement)
    first = {"/model.0/conv/Conv"} if placement == "convs" else set()
    assert set(report.kept_float) == {*first, *SHIPPED_OUTPUTS, "/model.22/dfl/conv/Conv"}
    assert len(report.quantised) == {"convs": 56, "neck": 57 + 6 + 13 + 3 + 2}[placement]
    behind = {n: i for n, i in node_inputs(output).items() if n.count("/") == 2 and "model.22" in n}
    assert len(behind) > 20
    assert not [name for name, inputs in behind.items() if any("quantised" in t for t in inputs)]


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_the_quantised_network_still_says_nearly_the_same(
    placement: Placement, tiny: Path, tiny_ranges: dict[str, float], tmp_path: Path
) -> None:
    quantise(tiny, tiny_ranges, tmp_path / "q.onnx", placement=placement)
    tensor = images(1)[0]
    before, after = run(tiny, tensor), run(tmp_path / "q.onnx", tensor)
    assert 0 < np.abs(after - before)[:, 4:].max() < 0.05
    assert np.abs(after - before)[:, :4].max() < 1.0


def test_one_quantised_convolution_is_what_numpy_computes(
    tiny: Path, tiny_ranges: dict[str, float], tmp_path: Path
) -> None:
    name, source = "/model.2/Conv", "/model.1/Concat_out"
    output = tmp_path / "q.onnx"
    others = QUANTISED["convs"] - {name}
    quantise(tiny, tiny_ranges, output, placement="convs", keep_float=others)
    x, y = (watched(output, tensor, images(1)[0]) for tensor in (source, f"{name}_out"))
    weights = constants(tiny)[f"{name}.weight"]
    scale = np.float32(tiny_ranges[source] / 127)
    per_filter = np.abs(weights).max(axis=(1, 2, 3), keepdims=True) / np.float32(127)
    expected = np.einsum("oi,nihw->nohw", fake(weights, per_filter)[..., 0, 0], fake(x, scale))
    expected += constants(tiny)[f"{name}.bias"].reshape(1, -1, 1, 1)
    np.testing.assert_allclose(y, expected, atol=1e-5)
    assert np.abs(watched(tiny, f"{name}_out", images(1)[0]) - y).max() > 1e-3


def fake(values: NDArray[np.float32], scale: Any) -> NDArray[np.float32]:
    return (np.clip(np.rint(values / scale), -128, 127) * scale).astype(np.float32)


def watched(path: Path, tensor: str, source: NDArray[np.float32]) -> NDArray[np.float32]:
    proto = onnx.load(path)
    del proto.graph.output[0]
    proto.graph.output.append(onnx.ValueInfoProto(name=tensor))
    target = path.with_suffix(".watched.onnx")
    onnx.save(proto, target)
    return run(target, source)


def test_weights_stay_float_and_get_a_scale_for_each_output_channel(
    tiny: Path, tiny_ranges: dict[str, float], tmp_path: Path
) -> None:
    quantise(tiny, tiny_ranges, tmp_path / "q.onnx", placement="convs")
    before, after = constants(tiny), constants(tmp_path / "q.onnx")
    for name in QUANTISED["convs"]:
        weights = after[f"{name}.weight"]
        assert weights.dtype == np.float32
        np.testing.assert_array_equal(weights, before[f"{name}.weight"])
        expected = np.abs(weights).max(axis=(1, 2, 3)) / 127
        np.testing.assert_allclose(after[f"{name}.weight_scale"], expected, rtol=1e-6)
        assert after[f"{name}.weight_zero_point"].dtype == np.int8
    axes = {
        node.name: {a.name: a.i for a in node.attribute}
        for node in onnx.load(tmp_path / "q.onnx").graph.node
        if node.op_type in ("QuantizeLinear", "DequantizeLinear")
    }
    assert {a.get("axis") for name, a in axes.items() if ".weight" in name} == {0}
    assert {a.get("axis") for name, a in axes.items() if ".weight" not in name} == {None}


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_zero_points_are_zero_and_biases_stay_float(
    placement: Placement, tiny: Path, tiny_ranges: dict[str, float], tmp_path: Path
) -> None:
    quantise(tiny, tiny_ranges, tmp_path / "q.onnx", placement=placement)
    after = constants(tmp_path / "q.onnx")
    zeros = [value for name, value in after.items() if name.endswith("_zero_point")]
    assert zeros
    assert not any(zero.any() or zero.dtype != np.int8 for zero in zeros)
    assert not [name for name in after if "bias" in name and "_" in name.split("bias")[1]]


@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 3)),
        elements=st.floats(-1e3, 1e3, width=32),
    )
)
def test_the_error_of_a_weight_is_at_most_half_a_step(weights: NDArray[np.float32]) -> None:
    scales = weight_scales(weights)
    assert scales.dtype == np.float32
    assert scales.shape == (len(weights),)
    assert (scales > 0).all()
    steps = scales.astype(np.float64)[:, None, None]
    integers = np.rint(weights / steps)
    assert np.abs(integers).max() <= 127
    assert (np.abs(integers * steps - weights) <= steps * (0.5 + 1e-5)).all()


def test_one_pair_serves_every_reader_of_a_tensor(
    tiny: Path, tiny_ranges: dict[str, float], tmp_path: Path
) -> None:
    output = tmp_path / "q.onnx"
    quantise(tiny, tiny_ranges, output, placement="convs")
    inputs = node_inputs(output)
    assert inputs[HEAD[0]][0] == inputs[HEAD[1]][0] == dequantised("/model.3/Conv_out/Mul_out")
    weights = len(QUANTISED["convs"])
    assert kinds(output)["QuantizeLinear"] == kinds(output)["DequantizeLinear"]
    assert kinds(output)["QuantizeLinear"] == weights + len(activation_tensors(tiny, "convs"))


def test_tensors_that_meet_in_the_neck_share_the_largest_range(
    tiny: Path, tiny_ranges: dict[str, float], tmp_path: Path
) -> None:
    """Split halves, residual, Resize and the last Concat touch: all of them have one scale."""
    output = tmp_path / "q.onnx"
    group = ["/model.2/Split_out", "/model.2/Split_out1", "/model.2/Add_out", "/model.2/Concat_out"]
    group += ["/model.3/Resize_out", "/model.0/Conv_out/Mul_out", "/model.3/Concat_out"]
    ranges = {**tiny_ranges, "/model.2/Add_out": 50.0}
    quantise(tiny, ranges, output, placement="neck")
    scales = constants(output)
    assert {name: float(scales[f"{name}_scale"]) for name in group} == dict.fromkeys(
        group, pytest.approx(50 / 127)
    )
    other = "/model.2/m/Conv_out/Mul_out"  # the Add's other input moves through no Concat
    assert scales[f"{other}_scale"] == pytest.approx(ranges[other] / 127)
    quantise(tiny, ranges, output, placement="convs")
    alone = tiny_ranges["/model.3/Concat_out"]
    assert constants(output)["/model.3/Concat_out_scale"] == pytest.approx(alone / 127)


def test_what_is_asked_for_stays_float(
    tiny: Path, tiny_ranges: dict[str, float], tmp_path: Path
) -> None:
    output = tmp_path / "q.onnx"
    report = quantise(tiny, tiny_ranges, output, placement="convs", keep_float=[CONVS[2]])
    assert set(report.quantised) == QUANTISED["convs"] - {CONVS[2]}
    assert report.kept_float[CONVS[2]] == "asked for"
    assert node_inputs(output)[CONVS[2]] == node_inputs(tiny)[CONVS[2]]


def test_an_unknown_node_to_keep_is_named(
    tiny: Path, tiny_ranges: dict[str, float], tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="no node 'nobody'"):
        quantise(tiny, tiny_ranges, tmp_path / "q", placement="convs", keep_float=["nobody"])


@pytest.mark.parametrize("amax", [None, 0.0, -1.0, float("nan"), float("inf")])
def test_a_range_that_cannot_be_used_is_refused_by_name(
    amax: float | None, tiny: Path, tiny_ranges: dict[str, float], tmp_path: Path
) -> None:
    ranges: dict[str, Any] = {**tiny_ranges, "/model.1/Concat_out": amax}
    with pytest.raises(DataError, match=r"/model.1/Concat_out"):
        quantise(tiny, ranges, tmp_path / "q.onnx", placement="convs")
    assert not (tmp_path / "q.onnx").exists()


def test_a_quantised_model_is_recognised_and_left_alone(
    tiny: Path, tiny_ranges: dict[str, float], tmp_path: Path
) -> None:
    output = tmp_path / "q.onnx"
    quantise(tiny, tiny_ranges, output, placement="convs")
    assert (is_quantised(tiny), is_quantised(output)) == (False, True)
    with pytest.raises(DataError, match="quantised already"):
        quantise(output, tiny_ranges, tmp_path / "qq.onnx", placement="convs")


def test_the_model_itself_is_not_changed(
    tiny: Path, tiny_ranges: dict[str, float], tmp_path: Path
) -> None:
    before = hashlib.sha256(tiny.read_bytes()).digest()
    quantise(tiny, tiny_ranges, tmp_path / "q.onnx", placement="neck")
    assert hashlib.sha256(tiny.read_bytes()).digest() == before


def test_names_and_metadata_survive(
    tiny: Path, tiny_ranges: dict[str, float], tmp_path: Path
) -> None:
    proto = onnx.load(tiny)
    helper.set_model_props(proto, {"names": "{0: 'a', 1: 'b', 2: 'c'}"})
    onnx.save(proto, tiny)
    quantise(tiny, tiny_ranges, tmp_path / "q.onnx", placement="convs")
    after = onnx.load(tmp_path / "q.onnx")
    onnx.checker.check_model(after, full_check=True)
    assert after.metadata_props == proto.metadata_props
    assert [value.name for value in (*after.graph.input, *after.graph.output)] == [
        "images",
        "output0",
    ]


def test_nodes_without_names_are_known_by_their_output(tmp_path: Path) -> None:
    proto = tiny_yolo()
    for node in proto.graph.node:
        node.name = ""
    path = tmp_path / "nameless.onnx"
    onnx.save(proto, path)
    ranges = dict.fromkeys(activation_tensors(path, "convs"), 1.0)
    report = quantise(path, ranges, tmp_path / "q.onnx", placement="convs")
    assert set(report.quantised) == {f"{name}_out" for name in QUANTISED["convs"]}


def test_an_open_size_does_not_hide_the_head(tmp_path: Path) -> None:
    """A dynamic export's decode asks the features for their shape: that is no way to values."""
    proto = tiny_yolo()
    place = next(i for i, node in enumerate(proto.graph.node) if node.name == "/model.5/Mul")
    extra = [
        helper.make_node("Shape", ["/model.3/Conv_out/Mul_out"], ["shape"], name="/model.5/Shape"),
        helper.make_node("Cast", ["shape"], ["sizes"], name="/model.5/Cast", to=1),
        helper.make_node("ReduceMin", ["sizes"], ["least"], name="/model.5/Min", keepdims=0),
    ]
    for number, node in enumerate(extra):
        proto.graph.node.insert(place + number, node)
    proto.graph.node[place + 3].input[1] = "least"
    onnx.checker.check_model(proto, full_check=True)
    onnx.save(proto, tmp_path / "open.onnx")
    ranges = dict.fromkeys(activation_tensors(tmp_path / "open.onnx", "neck"), 1.0)
    report = quantise(tmp_path / "open.onnx", ranges, tmp_path / "q.onnx", placement="neck")
    assert set(report.quantised) == QUANTISED["neck"]


def other_head() -> Any:
    nodes = [
        helper.make_node("Conv", ["images", "w"], ["a"], name="conv"),
        helper.make_node("GlobalAveragePool", ["a"], ["output0"], name="pool"),
    ]
    return model(
        nodes, {"w": np.ones((4, 3, 1, 1), np.float32)}, {"images": (1, 3, 8, 8)}, (1, 4, 1, 1)
    )


def half_weights() -> Any:
    proto = tiny_yolo()
    extra = onnx.numpy_helper.from_array(np.ones(1, np.float16), "half")
    proto.graph.initializer.append(extra)
    return proto


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (other_head, "not that of YOLOv8.*--precision fp16"),
        (half_weights, "float16 weights.*FP32 model"),
        (lambda: _old(tiny_yolo()), "operators 12; INT8 needs 13"),
    ],
    ids=["other head", "float16", "old operators"],
)
def test_a_model_that_cannot_be_quantised_says_why(made: Any, message: str, tmp_path: Path) -> None:
    onnx.save(made(), tmp_path / "m.onnx")
    with pytest.raises(DataError, match=message):
        activation_tensors(tmp_path / "m.onnx", "convs")


def _old(proto: Any) -> Any:
    proto.opset_import[0].version = 12
    return proto
