"""The kernels of edge/engine/kernels, line by line, in NumPy: the same arithmetic, no GPU.

Addresses are of host memory. Where a kernel's threads do the same thing to many numbers, an
array does it here.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

CANDIDATE = np.dtype("4f4, f4, i4, i4, i4")
CANDIDATE.names = ("box", "score", "class_id", "anchor", "unused")
SUMMARY = np.dtype("i4, i4, i4, f4")
SUMMARY.names = ("candidates", "kept", "not_finite", "top_score")
FAR_AWAY, TINY = np.float32(1e6), np.float32(1.17549435e-38)
ABSURD_SCORE, MOST_CANDIDATES = np.float32(1.001), 30_000


def at(address: int, count: int, dtype: Any) -> NDArray[Any]:
    size = count * np.dtype(dtype).itemsize
    return np.frombuffer((ctypes.c_char * size).from_address(address), dtype)


def bgr(image: int, width: int, height: int) -> NDArray[np.int32]:
    return at(image, 3 * width * height, np.uint8).reshape(height, width, 3).astype(np.int32)


def nv12(image: int, width: int, height: int) -> NDArray[np.int32]:
    planes = at(image, width * height * 3 // 2, np.uint8).reshape(-1, width).astype(np.int32)
    chroma = planes[height:].repeat(2, axis=0)
    luma = np.maximum(0, planes[:height] - 16) * 1220542 + (1 << 19)
    u, v = (chroma[:, part::2].repeat(2, axis=1) - 128 for part in (0, 1))
    colours = (luma + 2116026 * u, luma - 409993 * u - 852492 * v, luma + 1673527 * v)
    return np.clip(np.stack([colour >> 20 for colour in colours], axis=2), 0, 255)


def preprocess(pixel_format: str, dtype: Any, cell: int, taps: int, tensor: int, *at_: int) -> None:
    width, height, inner_width, inner_height, left, top, model_width, model_height = at_
    address = int(at(cell, 1, np.uint64)[0])
    picture = {"bgr": bgr, "nv12": nv12}[pixel_format](address, width, height)
    table = at(taps, 4 * (inner_width + inner_height), np.int32).reshape(-1, 4)
    columns, rows = table[:inner_width].T[..., None], table[inner_width:].T[:, :, None, None]
    near, far = picture[:, columns[0, :, 0]], picture[:, columns[1, :, 0]]
    along = near * columns[2] + far * columns[3]
    near, far = along[rows[0, :, 0, 0]], along[rows[1, :, 0, 0]]
    scaled = (((rows[2] * (near >> 4)) >> 16) + ((rows[3] * (far >> 4)) >> 16) + 2) >> 2
    canvas = np.full((model_height, model_width, 3), 114, np.int32)
    canvas[top : top + inner_height, left : left + inner_width] = scaled
    planes = canvas[:, :, ::-1].transpose(2, 0, 1).astype(np.float32) / np.float32(255)
    at(tensor, planes.size, dtype)[:] = planes.reshape(-1)


def decode(head: int, summary: int, found: int, classes: int, anchors: int, least: float) -> None:
    columns = at(head, (4 + classes) * anchors, np.float32).reshape(-1, anchors)
    (result,) = (at(summary, 1, SUMMARY)[:1],)
    result["not_finite"] += np.count_nonzero(~np.isfinite(columns))
    best = columns[4:].argmax(axis=0)
    score = columns[4:].max(axis=0)
    absurd = score[score > ABSURD_SCORE]
    if absurd.size:
        result["top_score"] = max(float(result["top_score"][0]), float(absurd.max()))
    (chosen,) = np.nonzero(score >= np.float32(least))
    target = at(found, anchors, CANDIDATE)[: len(chosen)]
    centre, half = columns[:2, chosen].T, columns[2:4, chosen].T / np.float32(2)
    box = np.hstack([centre - half, centre + half])
    target["box"] = np.clip(box, -FAR_AWAY, FAR_AWAY)
    target["score"], target["class_id"], target["anchor"] = score[chosen], best[chosen], chosen
    target[:] = target[::-1].copy()  # the order of a GPU's threads is nobody's promise
    result["candidates"] = len(chosen)


def rank(found: int, summary: int, ordered: int) -> None:
    total = int(at(summary, 1, SUMMARY)["candidates"][0])
    candidates = at(found, total, CANDIDATE)
    place = np.lexsort((candidates["anchor"], -candidates["score"]))
    at(ordered, total, CANDIDATE)[:] = candidates[place]


def area(box: NDArray[np.float32]) -> NDArray[np.float32]:
    zero = np.float32(0)
    return np.maximum(box[..., 2] - box[..., 0], zero) * np.maximum(box[..., 3] - box[..., 1], zero)


def rivals(mine: NDArray[Any], others: NDArray[Any], iou: float) -> NDArray[np.bool_]:
    one, many, zero = mine["box"], others["box"], np.float32(0)
    width = np.minimum(one[2], many[:, 2]) - np.maximum(one[0], many[:, 0])
    height = np.minimum(one[3], many[:, 3]) - np.maximum(one[1], many[:, 1])
    shared = np.maximum(width, zero) * np.maximum(height, zero)
    joint = area(one) + area(many) - shared
    too_much = shared / np.maximum(joint, TINY) > np.float32(iou)
    return too_much & (others["class_id"] == mine["class_id"])


def suppress(
    ordered: int, summary: int, kept: int, result: int, max_boxes: int, iou: float, *place: float
) -> None:
    scale, left, top, width, height = (np.float32(each) for each in place)
    seen = at(summary, 1, SUMMARY)[0]
    total = min(int(seen["candidates"]), MOST_CANDIDATES)
    survivors = at(kept, max_boxes, CANDIDATE)
    count = 0
    for candidate in at(ordered, total, CANDIDATE):
        if count == max_boxes:
            break
        if not rivals(candidate, survivors[:count], iou).any():
            survivors[count] = candidate
            count += 1
    offset, limit = np.array([left, top] * 2), np.array([width, height] * 2)
    boxes = np.clip((survivors["box"][:count] - offset) / scale, np.float32(0), limit)
    inside = area(boxes) > 0
    written = int(inside.sum())
    at(result + 16, 4 * written, np.float32)[:] = boxes[inside].reshape(-1)
    scores = result + 16 + 16 * max_boxes
    at(scores, written, np.float32)[:] = survivors["score"][:count][inside]
    at(scores + 4 * max_boxes, written, np.int32)[:] = survivors["class_id"][:count][inside]
    at(result, 1, SUMMARY)[0] = (
        seen["candidates"],
        written,
        seen["not_finite"],
        seen["top_score"],
    )


def run(name: str, *arguments: Any) -> None:
    """Run the kernel of this name."""
    if name.startswith("preprocess"):
        _, pixel_format, number = name.split("_")
        dtype = np.float16 if number == "half" else np.float32
        preprocess(pixel_format, dtype, *arguments)
    else:
        after_the_network: dict[str, Any] = {"decode": decode, "rank": rank, "suppress": suppress}
        after_the_network[name](*arguments)
