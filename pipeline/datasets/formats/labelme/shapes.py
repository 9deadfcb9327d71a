"""LabelMe's shapes, each to the box around it.

    rectangle            two corners in any order; X-AnyLabeling writes all four
    polygon, rotation    three points or more
    circle               its centre and a point on its edge; LabelMe lets it reach out of the image, and its own
                         converters draw only what is inside
    mask                 a PNG in base64, and the first and the last pixel of the box that it fills
    line, linestrip, point, points and others have no area and are skipped with a count

Polygons and masks of one label with the same group_id are the parts of one object, as in LabelMe's own labelme2coco.py:
https://github.com/wkentaro/labelme/blob/main/examples/instance_segmentation/labelme2coco.py. Rectangles are not joined:
people number them for other reasons (tracks, keys and their values).
"""

from __future__ import annotations

import base64
import binascii
import io
import math
from pathlib import Path
from typing import Any

from PIL import Image as Pillow

from pipeline.datasets.files.tree import is_utf8
from pipeline.datasets.model import Box
from pipeline.datasets.problems import ItemError, Problems

_RECTANGLES = frozenset(("rectangle",))
_POLYGONS = frozenset(("polygon", "rotation", "oriented_rectangle"))
_BOXED = _RECTANGLES | _POLYGONS | {"circle", "mask"}
_JOINED = frozenset(("polygon", "mask"))
_IGNORED = "__ignore__"
_LARGEST = 10**9

Edges = tuple[float, float, float, float]


def read_boxes(
    shapes: list[Any], path: Path, problems: Problems, *, size: tuple[int, int] | None = None
) -> list[tuple[str, Box]]:
    """Read the boxes of a file's shapes, each with its place in the file. Bad shapes go to `problems`.

    `size` is what the file says of its image, in pixels, if it says it: circles are cut off at its edges.
    """
    boxes: list[tuple[str, Box]] = []
    parts: dict[tuple[str, str], int] = {}
    for number, shape in enumerate(shapes, start=1):
        where = f"{path}: shape {number}"
        try:
            box = _read_box(shape, where, problems)
        except ItemError as error:
            problems.refuse_item(error, "object_unreadable")
            continue
        if box is None:
            continue
        if _type_of(shape) == "circle" and size is not None:
            box = _cut_off(box, size, where, problems)
        group = shape.get("group_id")
        if group is not None and _type_of(shape) in _JOINED:
            first = parts.setdefault((box.label, repr(group)), len(boxes))
            if first < len(boxes):
                place, other = boxes[first]
                boxes[first] = (place, _around(other, box))
                problems.note("object_joined", where)
                continue
        boxes.append((where, box))
    return boxes


def _read_box(shape: object, where: str, problems: Problems) -> Box | None:
    label = shape.get("label") if isinstance(shape, dict) else None
    if not isinstance(shape, dict) or not isinstance(label, str) or not label.strip() or not is_utf8(label):
        raise ItemError("object_unreadable", f"{where} has no label")
    kind = _type_of(shape)
    if kind not in _BOXED or label == _IGNORED:
        problems.note("object_skipped", f"{where} ({label if label == _IGNORED else kind})")
        return None
    try:
        edges = _to_edges(shape, kind)
    except ValueError as error:
        raise ItemError("object_unreadable", f"{where} ({label}): {error}") from error
    if shape.get("difficult") is True:
        problems.note("object_difficult", where)
    return Box(label, *edges)


def _type_of(shape: dict[str, Any]) -> str:
    kind = shape.get("shape_type")
    return kind if isinstance(kind, str) and kind else "polygon"  # files older than shape_type have polygons only


def _to_edges(shape: dict[str, Any], kind: str) -> Edges:
    points = _read_points(shape.get("points"))
    wanted = {"rectangle": (2, 4), "circle": (2,), "mask": (2,)}.get(kind)
    if wanted is not None and len(points) not in wanted:
        raise ValueError(f"a {kind} with {len(points)} points, not {' or '.join(map(str, wanted))}")
    if wanted is None and len(points) < 3:
        raise ValueError(f"a {kind} with {len(points)} points, not 3 or more")
    if kind == "circle":
        (x, y), edge = points
        radius = math.dist((x, y), edge)
        return x - radius, y - radius, x + radius, y + radius
    columns, rows = [x for x, _ in points], [y for _, y in points]
    edges = min(columns), min(rows), max(columns), max(rows)
    return _mask_edges(shape.get("mask"), edges) if kind == "mask" else edges


def _read_points(points: object) -> list[tuple[float, float]]:
    if not isinstance(points, list):
        raise ValueError('no list "points"')
    found = []
    for point in points:
        if not (isinstance(point, list) and len(point) == 2 and all(_is_number(value) for value in point)):
            raise ValueError(f"a point that is {str(point)[:60]}, not [x, y]")
        found.append((point[0], point[1]))
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < _LARGEST


def _mask_edges(mask: object, edges: Edges) -> Edges:
    """Find the edges of the pixels that are set; without a mask, of the pixels from the first to the last point."""
    xmin, ymin, xmax, ymax = (math.floor(value) for value in edges)
    if mask is None:
        return xmin, ymin, xmax + 1, ymax + 1
    if not isinstance(mask, str):
        raise ValueError(f"a mask that is {str(mask)[:60]}, not base64")
    try:
        with Pillow.open(io.BytesIO(base64.b64decode(mask)), formats=("PNG",)) as image:
            bounds = image.getbbox()
    except (binascii.Error, ValueError, OSError, SyntaxError, Pillow.DecompressionBombError) as error:
        raise ValueError(f"a mask that is not base64 of PNG: {error}") from error
    if bounds is None:
        raise ValueError("a mask without any pixel set")
    return xmin + bounds[0], ymin + bounds[1], xmin + bounds[2], ymin + bounds[3]


def _cut_off(circle: Box, size: tuple[int, int], where: str, problems: Problems) -> Box:
    """Return the part of a circle's box that is in the image, if its centre is there."""
    inside = Box(
        circle.label,
        max(circle.xmin, 0),
        max(circle.ymin, 0),
        min(circle.xmax, size[0]),
        min(circle.ymax, size[1]),
    )
    x, y = (circle.xmin + circle.xmax) / 2, (circle.ymin + circle.ymax) / 2
    if inside == circle or not (0 <= x <= size[0] and 0 <= y <= size[1]):
        return circle
    problems.note("box_clipped", where)
    return inside


def _around(one: Box, other: Box) -> Box:
    return Box(
        one.label,
        min(one.xmin, other.xmin),
        min(one.ymin, other.ymin),
        max(one.xmax, other.xmax),
        max(one.ymax, other.ymax),
    )
