"""The shapes of CVAT's XML, each to the box around it.

They are described at https://docs.cvat.ai/docs/manual/advanced/xml_format. Coordinates lie between pixels, from 0. A
mask counts pixels: it begins at left, top and is width x height of them. A box or an ellipse may be turned, by degrees
clockwise around its middle: then what is read is the upright box around it, as far as it is in the image, and that is
noted. Polylines, points, skeletons and cuboids have no box.
"""

from __future__ import annotations

import math
import sys
from xml.etree.ElementTree import Element

from pipeline.datasets.model import Box, parse_number
from pipeline.datasets.problems import Problems
from pipeline.errors import DataError

SKIPPED = frozenset(("polyline", "points", "skeleton", "cuboid"))
BOXED = frozenset(("box", "polygon", "mask", "ellipse"))
_ATTRIBUTES = {
    "box": ("xtl", "ytl", "xbr", "ybr"),
    "mask": ("left", "top", "width", "height"),
    "ellipse": ("cx", "cy", "rx", "ry"),
}


def read_shape(shape: Element, size: tuple[int, int] | None, problems: Problems, *, where: str) -> Box:
    """Read the box around a shape in an image of that size, if it declares one. Raises DataError."""
    label = sys.intern(shape.get("label", ""))
    if not label:
        raise DataError(f"{where}: a <{shape.tag}> without a label")
    if shape.tag == "polygon":
        return _read_polygon(shape, label, where)
    numbers = [_read_number(shape, name, label, where) for name in _ATTRIBUTES[shape.tag]]
    if shape.tag == "mask":
        left, top, width, height = numbers
        return Box(label, left, top, left + width, top + height)
    rotation = parse_number(shape.get("rotation", "0")) or 0
    if shape.tag == "ellipse":
        box = _around_ellipse(label, numbers, rotation)
    else:
        box = Box(label, *numbers)
        if box.xmin <= box.xmax and box.ymin <= box.ymax and rotation % 360:
            box = _around_turned(box, rotation)
    if not rotation % 360:
        return box
    problems.note("object_rotated", f"{where} ({label})")
    return box if size is None else _cut(box, size)


def _read_number(shape: Element, name: str, label: str, where: str) -> float:
    text = shape.get(name)
    if text is None:
        raise DataError(f"{where} ({label}): a <{shape.tag}> without {name}")
    value = parse_number(text)
    if value is None:
        raise DataError(f"{where} ({label}): {name} is {text!r}, not a number")
    return value


def _read_polygon(shape: Element, label: str, where: str) -> Box:
    columns: list[float] = []
    rows: list[float] = []
    for point in shape.get("points", "").split(";"):
        x, _, y = point.partition(",")
        numbers = parse_number(x), parse_number(y)
        if numbers[0] is None or numbers[1] is None:
            raise DataError(f"{where} ({label}): a point that is {point.strip()[:40]!r}, not x,y")
        columns.append(numbers[0])
        rows.append(numbers[1])
    if len(columns) < 3:
        raise DataError(f"{where} ({label}): a polygon with {len(columns)} points, not 3 or more")
    return Box(label, min(columns), min(rows), max(columns), max(rows))


def _around_turned(box: Box, degrees: float) -> Box:
    cosine, sine = abs(math.cos(math.radians(degrees))), abs(math.sin(math.radians(degrees)))
    across, down = (box.xmax - box.xmin) / 2, (box.ymax - box.ymin) / 2
    return _around(
        box.label, box.xmin + across, box.ymin + down, across * cosine + down * sine, across * sine + down * cosine
    )


def _around_ellipse(label: str, numbers: list[float], degrees: float) -> Box:
    x, y, rx, ry = numbers
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return _around(label, x, y, math.hypot(rx * cosine, ry * sine), math.hypot(rx * sine, ry * cosine))


def _around(label: str, x: float, y: float, across: float, down: float) -> Box:
    edges = (round(edge, 6) for edge in (x - across, y - down, x + across, y + down))
    return Box(label, *(int(edge) if edge == int(edge) else edge for edge in edges))


def _cut(box: Box, size: tuple[int, int]) -> Box:
    """Leave out what a turned box has outside of the image: only its corners are there, not the object."""
    return Box(box.label, max(box.xmin, 0), max(box.ymin, 0), min(box.xmax, size[0]), min(box.ymax, size[1]))
