from __future__ import annotations

import json
from typing import Any

import pytest

from edge.core.errors import DataError
from edge.engine.inspector import LayerCount, count_layers


def layer(kind: str, taken: str, given: str, *, split: bool) -> dict[str, Any]:
    """A layer as TensorRT 11 (``split``) or 8 and 10 describe it."""

    def tensor(datatype: str) -> dict[str, Any]:
        if split:
            return {"Name": "t", "Format": "N/A due to dynamic shapes", "Datatype": datatype}
        return {"Name": "t", "Format/Datatype": f"Thirty-two wide channel vectorized {datatype}"}

    return {
        "Name": "/model.1/conv/Conv",
        "LayerType": kind,
        "Inputs": [tensor(taken)],
        "Outputs": [tensor(given)],
    }


@pytest.mark.parametrize("split", [False, True], ids=["8 and 10", "11"])
def test_only_layers_that_compute_on_int8_count(split: bool) -> None:
    layers = [
        layer("CaskConvolution", "Int8", "Int8", split=split),
        layer("CaskConvolution", "Int8", "Half", split=split),
        layer("CaskConvolution", "Half", "Half", split=split),
        layer("Reformat", "Half", "Int8", split=split),
        layer("Reformat", "Int8", "Half", split=split),
        layer("PointWiseV2", "Half", "Int8", split=split),
    ]
    assert count_layers(json.dumps({"Layers": layers})) == LayerCount(6, 2, 5)


def test_control_characters_inside_the_json_are_read() -> None:
    text = json.dumps({"Layers": [layer("Convolution", "Int8", "Half", split=False)]})
    broken = text.replace("/model.1", "/model\x1f\n.1")
    with pytest.raises(ValueError, match="control character"):
        json.loads(broken)
    assert count_layers(broken) == LayerCount(1, 1, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read"),
        ("{}", "cannot be read"),
        ('{"Layers": ["Conv_0", "Conv_1"]}', "only the names of its 2 layers"),
    ],
)
def test_an_engine_that_tells_too_little_is_not_counted_as_none(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        count_layers(text)
