"""Boxes in images: how they are written, moved, cut and compared.

The public `keras.utils.bounding_boxes`. Boxes are (boxes, 4) or (batch, boxes, 4); with
labels they are a dict {"boxes": ..., "labels": ...}, where the label -1 marks a box
that is none any more.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphkeras import config, ops
from graphkeras.errors import ArgumentError, ShapeError, message

__all__ = [
    "affine_transform",
    "clip_to_image_size",
    "compute_ciou",
    "compute_iou",
    "convert_format",
    "crop",
    "decode_deltas_to_boxes",
    "encode_box_to_deltas",
    "pad",
]

FORMATS = (
    "xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw", "rel_xyxy", "rel_yxyx",
    "rel_xywh", "rel_center_xywh",
)  # fmt: skip


def _refuse(who: str, expected: str, received: str, remedy: str = "") -> None:
    raise ArgumentError(message(who, expected, received, remedy))


def _format(name: Any) -> str:
    word = name.lower() if isinstance(name, str) else name
    if word not in FORMATS:
        _refuse("convert_format", f"expected a format in {FORMATS}.", f"{name!r}")
    return word


def _corners(boxes: Any, form: str) -> tuple[Any, Any, Any, Any]:
    """Return left, top, right, bottom of boxes written in a format."""
    a, b, c, d = ops.unstack(boxes, axis=-1)
    if form == "xyxy":
        return a, b, c, d
    if form == "yxyx":
        return b, a, d, c
    if form == "xywh":
        return a, b, a + c, b + d
    if form == "center_yxhw":
        a, b, c, d = b, a, d, c
    return a - c / 2.0, b - d / 2.0, a + c / 2.0, b + d / 2.0


def _written(corners: tuple[Any, Any, Any, Any], form: str) -> Any:
    """Return boxes in a format."""
    x1, y1, x2, y2 = corners
    width, height = x2 - x1, y2 - y1
    x, y = x1 + width / 2.0, y1 + height / 2.0
    parts = {
        "xyxy": (x1, y1, x2, y2), "yxyx": (y1, x1, y2, x2),
        "xywh": (x1, y1, width, height), "center_xywh": (x, y, width, height),
        "center_yxhw": (y, x, height, width),
    }  # fmt: skip
    return ops.stack(parts[form], axis=-1)


def convert_format(
    boxes: Any,
    source: str,
    target: str,
    height: Any = None,
    width: Any = None,
    dtype: Any = "float32",
) -> Any:
    """Return boxes written in another format.

    Args:
        boxes: (..., 4), or a dict with "boxes".
        source: "xyxy" (left, top, right, bottom), "yxyx", "xywh" (left, top, width,
            height), "center_xywh", "center_yxhw", or "rel_" with one of the first
            four: shares of the image.
        target: likewise.
        height: height of the image, needed to or from shares.
        width: width of the image, likewise.
        dtype: dtype of the result.

    Raises:
        ArgumentError: for an unknown format, or a size that is missing.

    Example:
        >>> import numpy as np
        >>> convert_format(np.array([[10, 20, 30, 50]]), "xyxy", "xywh")
        array([[10., 20., 20., 30.]], dtype=float32)
    """
    if isinstance(boxes, dict):
        whole = convert_format(boxes["boxes"], source, target, height, width, dtype)
        return {**boxes, "boxes": whole}
    if not boxes.shape or boxes.shape[-1] != 4:
        raise ShapeError(
            message("convert_format", "expected boxes of 4 numbers.",
                    f"shape {list(boxes.shape)}")
        )  # fmt: skip
    first, last = _format(source), _format(target)
    shares = [form.startswith("rel_") for form in (first, last)]
    if any(shares) and (height is None or width is None):
        _refuse("convert_format", "expected height and width beside shares.",
                f"height={height}, width={width}")  # fmt: skip
    boxes = ops.cast(boxes, dtype)
    if first == last:
        return boxes
    first, last = first.removeprefix("rel_"), last.removeprefix("rel_")
    corners = _corners(boxes, first)
    if shares[0] != shares[1]:
        across, down = ops.cast(width, dtype), ops.cast(height, dtype)
        scale = ops.multiply if shares[0] else ops.divide
        sizes = (across, down, across, down)
        corners = tuple(scale(c, s) for c, s in zip(corners, sizes))
    return _written(corners, last)


def clip_to_image_size(
    bounding_boxes: Any,
    height: Any = None,
    width: Any = None,
    bounding_box_format: str = "xyxy",
) -> Any:
    """Return boxes cut off at the edges of the image; empty ones get the label -1.

    Args:
        bounding_boxes: dict with "boxes", and perhaps "labels".
        height: height of the image.
        width: width of the image.
        bounding_box_format: "xyxy" or "rel_xyxy".
    """
    if bounding_box_format not in ("xyxy", "rel_xyxy"):
        _refuse("clip_to_image_size", "expected 'xyxy' or 'rel_xyxy'.",
                f"bounding_box_format={bounding_box_format!r}",
                "Convert the boxes first.")  # fmt: skip
    if bounding_box_format == "rel_xyxy":
        height = width = 1.0
    elif height is None or width is None:
        _refuse("clip_to_image_size", "expected height and width for 'xyxy'.",
                f"height={height}, width={width}")  # fmt: skip
    boxes = bounding_boxes["boxes"]
    across, down = ops.cast(width, boxes.dtype), ops.cast(height, boxes.dtype)
    sides = zip(ops.unstack(boxes, axis=-1), (across, down, across, down))
    x1, y1, x2, y2 = (ops.clip(side, 0, limit) for side, limit in sides)
    result = {**bounding_boxes, "boxes": ops.stack([x1, y1, x2, y2], axis=-1)}
    labels = bounding_boxes.get("labels")
    if labels is not None:
        seen = ops.greater((x2 - x1) * (y2 - y1), 0)
        result["labels"] = ops.where(seen, labels, -1)
    return result


def _only_corners(who: str, form: str) -> None:
    if form != "xyxy":
        _refuse(who, "expected 'xyxy'.", f"bounding_box_format={form!r}",
                "Convert the boxes first.")  # fmt: skip


def around(points: list[tuple[Any, Any]]) -> Any:
    """Return the smallest boxes around four points each."""
    x, y = (ops.stack(part, axis=-1) for part in zip(*points))
    ends = (ops.min(x, axis=-1), ops.min(y, axis=-1), ops.max(x, axis=-1),
            ops.max(y, axis=-1))  # fmt: skip
    return ops.stack(ends, axis=-1)


def affine_transform(
    boxes: Any,
    angle: Any,
    translate_x: Any,
    translate_y: Any,
    scale: Any,
    shear_x: Any,
    shear_y: Any,
    height: Any,
    width: Any,
    center_x: float | None = None,
    center_y: float | None = None,
    bounding_box_format: str = "xyxy",
) -> Any:
    """Return the boxes around boxes that were turned, scaled, sheared and shifted.

    Args:
        boxes: (batch, boxes, 4).
        angle: (batch,) degrees.
        translate_x: (batch,) shares of the width.
        translate_y: (batch,) shares of the height.
        scale: (batch,) factors.
        shear_x: (batch,) degrees.
        shear_y: (batch,) degrees.
        height: height of the image.
        width: width of the image.
        center_x: share of the width about which it turns, by default the middle.
        center_y: share of the height, likewise.
        bounding_box_format: "xyxy".
    """
    _only_corners("affine_transform", bounding_box_format)
    kind = angle.dtype
    turn = math.pi / 180.0
    rot, sx, sy = (ops.multiply(a, -turn) for a in (angle, shear_x, shear_y))
    across, down = (ops.cast(n - 1, kind) for n in (width, height))
    cx = across * (0.5 if center_x is None else center_x)
    cy = down * (0.5 if center_y is None else center_y)
    x, y = cx - translate_x * across, cy - translate_y * down
    slant = ops.tan(sx)
    a = ops.cos(rot - sy) / ops.cos(sy)
    b = a * slant + ops.sin(rot)
    c = -ops.sin(rot - sy) / ops.cos(sy)
    d = ops.cos(rot) - c * slant
    a0, a1, b0, b1 = d * scale, -b * scale, -c * scale, a * scale
    a2, b2 = cx - a0 * x - a1 * y, cy - b0 * x - b1 * y
    rows = [ops.expand_dims(r, -1) for r in (a0, a1, a2, b0, b1, b2)]
    x1, y1, x2, y2 = ops.unstack(ops.cast(boxes, kind), axis=-1)
    return around(
        [
            (rows[0] * p + rows[1] * q + rows[2], rows[3] * p + rows[4] * q + rows[5])
            for p, q in ((x1, y1), (x2, y1), (x2, y2), (x1, y2))
        ]
    )


def crop(
    boxes: Any, top: Any, left: Any, height: Any, width: Any,
    bounding_box_format: str = "xyxy",
) -> Any:  # fmt: skip
    """Return boxes as they lie in a window of the image.

    Args:
        boxes: (..., 4).
        top: first row of the window.
        left: its first column.
        height: its height.
        width: its width.
        bounding_box_format: "xyxy".
    """
    _only_corners("crop", bounding_box_format)
    x1, y1, x2, y2 = ops.unstack(boxes, axis=-1)
    across = [ops.clip(x - left, 0, width) for x in (x1, x2)]
    down = [ops.clip(y - top, 0, height) for y in (y1, y2)]
    return ops.stack([across[0], down[0], across[1], down[1]], axis=-1)


def pad(
    boxes: Any, top: Any, left: Any, height: Any = None, width: Any = None,
    bounding_box_format: str = "xyxy",
) -> Any:  # fmt: skip
    """Return boxes as they lie in an image with rows above and columns before.

    Args:
        boxes: (..., 4).
        top: rows above.
        left: columns before.
        height: not needed.
        width: not needed.
        bounding_box_format: "xyxy".
    """
    _only_corners("pad", bounding_box_format)
    x1, y1, x2, y2 = ops.unstack(boxes, axis=-1)
    return ops.stack([x1 + left, y1 + top, x2 + left, y2 + top], axis=-1)


# -------------------------------------------------------------------- beside anchors


def _delta_ways(who: str, encoding: str, variance: Any, image_shape: Any) -> Any:
    """Check the ways of deltas; return height and width of the image."""
    if encoding not in ("center_xywh", "center_yxhw"):
        _refuse(who, "expected 'center_xywh' or 'center_yxhw'.", f"{encoding!r}")
    if variance is not None and len(variance) != 4:
        _refuse(who, "expected a variance of 4 numbers.", f"variance={variance!r}")
    return (None, None) if image_shape is None else tuple(image_shape[:2])


def encode_box_to_deltas(
    anchors: Any,
    boxes: Any,
    anchor_format: str,
    box_format: str,
    encoding_format: str = "center_yxhw",
    variance: Any = None,
    image_shape: Any = None,
) -> Any:
    """Return how boxes differ from anchors: shifts, and logarithms of the sizes' ratio.

    Args:
        anchors: (boxes, 4).
        boxes: (boxes, 4) or (batch, boxes, 4).
        anchor_format: how anchors are written.
        box_format: how boxes are written.
        encoding_format: "center_yxhw" or "center_xywh".
        variance: four numbers the deltas are divided by.
        image_shape: (height, width, channels), for shares.

    Source: Ren, He, Girshick and Sun, "Faster R-CNN" (2015).
    """
    who = "encode_box_to_deltas"
    height, width = _delta_ways(who, encoding_format, variance, image_shape)
    one, other = (
        convert_format(b, form, encoding_format, height, width)
        for b, form in ((anchors, anchor_format), (boxes, box_format))
    )
    sizes = ops.maximum(one[..., 2:], config.epsilon())
    ratio = ops.maximum(other[..., 2:], config.epsilon()) / sizes
    shift = (other[..., :2] - one[..., :2]) / sizes
    deltas = ops.concatenate([shift, ops.log(ratio)], axis=-1)
    return deltas if variance is None else deltas / ops.cast(variance, "float32")


def decode_deltas_to_boxes(
    anchors: Any,
    boxes_delta: Any,
    anchor_format: str,
    box_format: str,
    encoded_format: str = "center_yxhw",
    variance: Any = None,
    image_shape: Any = None,
) -> Any:
    """Return the boxes that differ from anchors by deltas; dicts go key by key.

    The arguments are as for `encode_box_to_deltas`.
    """
    who = "decode_deltas_to_boxes"
    height, width = _delta_ways(who, encoded_format, variance, image_shape)
    if isinstance(anchors, dict) and isinstance(boxes_delta, dict):
        return {
            key: decode_deltas_to_boxes(
                anchor, boxes_delta[key], anchor_format, box_format, encoded_format,
                variance, image_shape,
            )
            for key, anchor in anchors.items()
        }  # fmt: skip
    one = convert_format(anchors, anchor_format, encoded_format, height, width)
    if variance is not None:
        boxes_delta = boxes_delta * ops.cast(variance, "float32")
    place = boxes_delta[..., :2] * one[..., 2:] + one[..., :2]
    size = ops.exp(boxes_delta[..., 2:]) * one[..., 2:]
    boxes = ops.concatenate([place, size], axis=-1)
    return convert_format(boxes, encoded_format, box_format, height, width)


# ------------------------------------------------------------------------- likeness


def _shared(first: Any, second: Any) -> tuple[Any, Any, Any]:
    """Return the areas of what two sets of corners share, and of each."""
    sides, areas = [], []
    for low, high in ((0, 2), (1, 3)):
        start = ops.maximum(first[low], second[low])
        sides.append(ops.maximum(ops.minimum(first[high], second[high]) - start, 0))
    for box in (first, second):
        areas.append((box[2] - box[0]) * (box[3] - box[1]))
    return sides[0] * sides[1], areas[0], areas[1]


def compute_iou(
    boxes1: Any,
    boxes2: Any,
    bounding_box_format: str,
    use_masking: bool = False,
    mask_val: float = -1,
    image_shape: Any = None,
) -> Any:
    """Return for each pair of boxes the area both cover over the area either covers.

    Args:
        boxes1: (boxes, 4) or (batch, boxes, 4).
        boxes2: likewise.
        bounding_box_format: how they are written.
        use_masking: whether pairs with a box of negative numbers get `mask_val`.
        mask_val: what they get.
        image_shape: (height, width, channels), for shares.

    Returns:
        (boxes1, boxes2), after the batch if there is one.

    Example:
        >>> import numpy as np
        >>> one, two = np.array([[0, 0, 2, 2]]), np.array([[0, 0, 2, 1], [5, 5, 6, 6]])
        >>> compute_iou(one, two, "xyxy").round(4)
        array([[0.5, 0. ]], dtype=float32)
    """
    who = "compute_iou"
    for boxes in (boxes1, boxes2):
        if len(boxes.shape) not in (2, 3):
            raise ShapeError(
                message(who, "expected boxes of rank 2 or 3.", f"{list(boxes.shape)}")
            )
    if "rel" in bounding_box_format and image_shape is None:
        _refuse(who, "expected image_shape beside shares.", "None")
    size = (None, None) if image_shape is None else tuple(image_shape[:2])
    one, two = (
        convert_format(b, bounding_box_format, "xyxy", *size) for b in (boxes1, boxes2)
    )
    first = [ops.expand_dims(c, -1) for c in ops.unstack(one, axis=-1)]
    second = [ops.expand_dims(c, -2) for c in ops.unstack(two, axis=-1)]
    both, area1, area2 = _shared(first, second)
    result = both / (area1 + area2 - both + config.epsilon())
    if not use_masking:
        return result
    gone = [ops.less(ops.max(b, axis=-1), 0.0) for b in (one, two)]
    masked = ops.logical_or(ops.expand_dims(gone[0], -1), ops.expand_dims(gone[1], -2))
    return ops.where(masked, ops.cast(mask_val, result.dtype), result)


def compute_ciou(
    boxes1: Any, boxes2: Any, bounding_box_format: str, image_shape: Any = None
) -> Any:
    """Return how alike pairs of boxes are, by overlap, distance and proportions.

    Args:
        boxes1: (..., 4).
        boxes2: (..., 4), of the same shape.
        bounding_box_format: how they are written, not as shares.
        image_shape: (height, width, channels).

    Source: Zheng and others, "Distance-IoU loss: faster and better learning for
    bounding box regression" (2020).
    """
    if "rel" in bounding_box_format:
        _refuse("compute_ciou", "expected boxes in pixels.",
                f"bounding_box_format={bounding_box_format!r}",
                "Convert them first.")  # fmt: skip
    size = (None, None) if image_shape is None else tuple(image_shape[:2])
    small = config.epsilon()
    one, two = (
        ops.unstack(convert_format(b, bounding_box_format, "xyxy", *size), axis=-1)
        for b in (boxes1, boxes2)
    )
    widths = [b[2] - b[0] for b in (one, two)]
    heights = [b[3] - b[1] + small for b in (one, two)]
    both = _shared(one, two)[0]
    union = widths[0] * heights[0] + widths[1] * heights[1] - both + small
    iou = both / (union + small)
    hull = [
        ops.maximum(one[k + 2], two[k + 2]) - ops.minimum(one[k], two[k])
        for k in (0, 1)
    ]
    diagonal = ops.square(hull[0]) + ops.square(hull[1]) + small
    apart = [((one[k] + one[k + 2]) - (two[k] + two[k + 2])) / 2 for k in (0, 1)]
    distance = ops.square(apart[0]) + ops.square(apart[1])
    angles = [ops.arctan(w / h) for w, h in zip(widths, heights)]
    v = (4 / math.pi**2) * ops.square(angles[1] - angles[0])
    return iou - (distance / diagonal + v * (v / (v - iou + (1 + small))))


def checked_boxes(boxes: Any, batched: bool) -> dict[str, Any]:
    """Return boxes and labels as arrays, boxes of float32.

    Raises:
        ArgumentError: unless they are a dict of both.
        ShapeError: if they do not fit each other.
    """
    if not isinstance(boxes, dict) or set(boxes) != {"boxes", "labels"}:
        held = ", ".join(boxes) if isinstance(boxes, dict) else type(boxes).__name__
        _refuse("bounding_boxes", "expected a dict with 'boxes' and 'labels'.", held)
    arrays = {k: v if hasattr(v, "shape") else np.asarray(v) for k, v in boxes.items()}
    shapes = {k: tuple(v.shape) for k, v in arrays.items()}
    lead = 2 if batched else 1
    fits = len(shapes["boxes"]) == lead + 1 and shapes["boxes"][-1] == 4
    if not fits or shapes["labels"][:lead] != shapes["boxes"][:lead]:
        wanted = "(batch, boxes, 4)" if batched else "(boxes, 4)"
        raise ShapeError(
            message("bounding_boxes", f"expected boxes of shape {wanted}, and a label "
                    "for each.", f"boxes {list(shapes['boxes'])}, labels "
                    f"{list(shapes['labels'])}",
                    "Fill rows of fewer boxes up, with the label -1.")
        )  # fmt: skip
    return {**arrays, "boxes": ops.cast(arrays["boxes"], "float32")}
