"""Which layers of an engine really run INT8: what was asked for is not always what was built."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from edge.core.errors import DataError

_MOVES_ONLY = ("reformat", "noop", "shuffle")  # TensorRT's layers that compute nothing


@dataclass(frozen=True, slots=True)
class LayerCount:
    """Layers of an engine after TensorRT fused them.

    Attributes:
        total: all of them.
        int8: those that compute on INT8 inputs; copies between formats do not count.
        touching_int8: also those that read or write INT8 in any way.
    """

    total: int
    int8: int
    touching_int8: int


def count_layers(text: str) -> LayerCount:
    """Count from the JSON of ``IEngineInspector.get_engine_information``.

    Reads the shape of TensorRT 8 and 10 (``Format/Datatype`` a tensor) and the one of 11
    (``Datatype`` a tensor).

    Raises:
        DataError: it is not such a JSON, or the engine was built without detailed verbosity.
    """
    try:
        # TensorRT writes raw control characters into its strings.
        layers = json.loads(text, strict=False)["Layers"]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"the engine inspector's answer cannot be read: {text[:80]!r}") from error
    if not layers or not all(isinstance(layer, dict) for layer in layers):
        raise DataError(
            f"the engine tells only the names of its {len(layers)} layers. "
            "It was built without detailed profiling verbosity; build it again: edge build"
        )
    return LayerCount(
        total=len(layers),
        int8=sum(_computes_int8(layer) for layer in layers),
        touching_int8=sum(_is_int8(json.dumps(layer)) for layer in layers),
    )


def _computes_int8(layer: dict[str, Any]) -> bool:
    kind = str(layer.get("LayerType", layer.get("Type", ""))).lower()
    if any(word in kind for word in _MOVES_ONLY):
        return False
    return any(_is_int8(kind) for kind in _datatypes(layer.get("Inputs", [])))


def _datatypes(tensors: Any) -> Iterator[str]:
    for tensor in tensors:
        if isinstance(tensor, dict):
            yield str(tensor.get("Datatype", tensor.get("Format/Datatype", "")))


def _is_int8(text: str) -> bool:
    return "int8" in text.lower()
