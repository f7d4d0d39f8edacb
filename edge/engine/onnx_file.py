"""Opening a file that should be an ONNX: what it is instead, and what it must not pull in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto

from edge.core.errors import DataError, InputMissingError

MOST_BYTES = 2 << 30
"""Larger ONNX files cannot be one protobuf message; YOLOv8x has 0.27 GB."""


def open_onnx(path: Path) -> tuple[bytes, Any]:
    """The file's bytes and the ``onnx.ModelProto`` in them; no other file is ever opened.

    Raises:
        InputMissingError: there is no such file, or it cannot be opened.
        DataError: it is no ONNX, or keeps its weights elsewhere.
    """
    content = _read(path)
    proto = _parse(path, content)
    _refuse_external_data(path, proto)
    return content, proto


def _read(path: Path) -> bytes:
    if path.is_dir():
        inside = sorted(path.glob("*.onnx"))
        example = f", for example: {inside[0]}" if inside else ""
        raise DataError(f"{path}: is a folder, not an ONNX file. Name the file itself{example}")
    try:
        size = path.stat().st_size
        if not path.is_file():  # reading a pipe or a device may never end
            raise DataError(f"{path}: is not a regular file. Name an ONNX file")
        if size > MOST_BYTES:
            raise DataError(f"{path}: {size} bytes are too many for one ONNX file (2 GiB)")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise InputMissingError(
            f"{path}: no such file. Name an ONNX file, or make one: edge export best.pt -o {path}"
        ) from error
    except OSError as error:
        raise InputMissingError(f"{path}: cannot be read: {error.strerror}") from error


def _parse(path: Path, content: bytes) -> Any:
    if reason := _foreign(path, content):
        raise DataError(f"{path}: {reason}")
    try:
        proto = onnx.load_model_from_string(content)
    except DecodeError as error:
        raise DataError(
            f"{path}: not an ONNX file, or a truncated one ({len(content)} bytes). "
            "Copy or export it again"
        ) from error
    if not proto.graph.node:
        raise DataError(f"{path}: holds no network. Copy or export it again")
    return proto


def _foreign(path: Path, content: bytes) -> str | None:
    """What the file is instead of an ONNX, with the remedy, as far as its first bytes tell."""
    onnx_name = path.with_suffix(".onnx").name
    if not content:
        return "the file is empty. Copy or export it again"
    if content.startswith(b"PK\x03\x04") or path.suffix in (".pt", ".pth"):
        return f"PyTorch weights, not an ONNX. Convert them: edge export {path} -o {onnx_name}"
    if b"ftrt" in content[:64] or path.suffix in (".engine", ".plan", ".trt"):
        return (
            "a TensorRT engine, which runs only on the GPU and TensorRT that built it. "
            f"Give the ONNX it was built from, such as {onnx_name}"
        )
    if content.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not the model itself. Fetch it: git lfs pull"
    if all(32 <= byte < 127 or byte in b"\t\r\n" for byte in content[:64]):
        return f"a text file, not an ONNX: it begins {content[:20].decode()!r}"
    return None


def _refuse_external_data(path: Path, proto: Any) -> None:
    for tensor in _tensors_of_model(proto):
        if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
            place = {entry.key: entry.value for entry in tensor.external_data}.get("location", "?")
            raise DataError(
                f"{path}: its weights lie in another file ({place!r}), which Edge never opens. "
                "Save them inside: onnx.save(onnx.load('in.onnx'), 'out.onnx')"
            )


def _tensors_of_model(proto: Any) -> Iterator[Any]:
    yield from _tensors(proto.graph)
    for function in proto.functions:
        for node in function.node:
            yield from _tensors_of_node(node)


def _tensors(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        yield from _tensors_of_node(node)


def _tensors_of_node(node: Any) -> Iterator[Any]:
    for attribute in node.attribute:
        yield from (attribute.t, *attribute.tensors)
        for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
            yield from (sparse.values, sparse.indices)
        for graph in (attribute.g, *attribute.graphs):
            yield from _tensors(graph)
