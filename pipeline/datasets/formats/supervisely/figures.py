"""Supervisely's figures, each to the box around it.

Their shapes are described at https://developer.supervisely.com/getting-started/supervisely-annotation-format/objects.
Whole coordinates number pixels from 0, and the last one is part of the figure: supervisely/geometry/rectangle.py
has width = right - left + 1, and a rectangle over a 400x300 image is [[0, 0], [399, 299]]. Coordinates with
fractions come from the labelling tool's own "subpixel" system, in which edges lie between pixels
(https://developer.supervisely.com/app-development/advanced/coordinate-system): they are taken as they are.
"""

from __future__ import annotations

import base64
import binascii
import io
import zlib
from typing import Any

from PIL import Image as Pillow

BOXED = frozenset(("rectangle", "polygon", "bitmap", "alpha_mask"))
"""The shapes that have a box; any other (line, point, graph, cuboid, ...) is skipped with a count."""
UNKNOWN = "unknown"
MAX_MASK_BYTES = 64 * 2**20

Edges = tuple[float, float, float, float]


def shape_of(figure: dict[str, Any], class_shape: str) -> str:
    """Name a figure's shape. Old exports have no geometryType: there the class says it, else the keys that are set.

    Where a class was given another shape after objects of it were drawn, the keys are right and the class is not.
    """
    named = figure.get("geometryType")
    if isinstance(named, str) and named and named != "any":
        return named
    drawn = _shape_of_keys(figure)
    if not class_shape or class_shape == "any":
        return drawn
    if (class_shape == "bitmap") != (drawn == "bitmap") and drawn != UNKNOWN:
        return drawn
    return "polygon" if (class_shape, drawn) == ("rectangle", "polygon") else class_shape


def _shape_of_keys(figure: dict[str, Any]) -> str:
    if isinstance(figure.get("bitmap"), dict):
        return "bitmap"
    points = figure.get("points")
    exterior = points.get("exterior") if isinstance(points, dict) else None
    if not isinstance(exterior, list):
        return UNKNOWN
    return {0: UNKNOWN, 1: "point", 2: "rectangle"}.get(len(exterior), "polygon")


def has_fractions(figure: dict[str, Any]) -> bool:
    """Say whether a figure has coordinates between pixels."""
    points = figure.get("points")
    exterior = points.get("exterior") if isinstance(points, dict) else None
    if not isinstance(exterior, list):
        return False
    return any(
        isinstance(value, float) and not value.is_integer()
        for point in exterior
        if isinstance(point, list)
        for value in point
    )


def to_edges(figure: dict[str, Any], shape: str, *, between_pixels: bool) -> Edges:
    """Find the half-open edges (xmin, ymin, xmax, ymax) of a figure. Raises ValueError with a sentence.

    `between_pixels` says that the file's coordinates are edges already; a mask counts pixels in any case.
    A rectangle or polygon whose points share one line has no area, though it would cover a row of pixels: it was
    clicked, not drawn. Its equal edges are returned for the box check to refuse.
    """
    if shape in ("bitmap", "alpha_mask"):
        return _mask_edges(figure.get(shape) or figure.get("bitmap"))
    if shape == UNKNOWN:
        raise ValueError("neither points nor a bitmap")
    exterior = _read_points(figure)
    if shape == "rectangle" and len(exterior) != 2:
        raise ValueError(f"a rectangle with {len(exterior)} points, not 2")
    if shape == "polygon" and len(exterior) < 3:
        raise ValueError(f"a polygon with {len(exterior)} points, not 3 or more")
    columns, rows = [x for x, _ in exterior], [y for _, y in exterior]
    xmin, ymin, xmax, ymax = min(columns), min(rows), max(columns), max(rows)
    if between_pixels or xmin == xmax or ymin == ymax:
        return xmin, ymin, xmax, ymax
    return xmin, ymin, xmax + 1, ymax + 1


def _read_points(figure: dict[str, Any]) -> list[tuple[float, float]]:
    points = figure.get("points")
    exterior = points.get("exterior") if isinstance(points, dict) else None
    if not isinstance(exterior, list):
        raise ValueError("no list points.exterior")
    result = []
    for point in exterior:
        if not (isinstance(point, list) and len(point) == 2 and all(_is_number(value) for value in point)):
            raise ValueError(f"a point that is {str(point)[:60]}, not [x, y]")
        result.append((_whole(point[0]), _whole(point[1])))
    return result


def _is_number(value: object) -> bool:
    # Compared, not tested with isfinite, which overflows on the integers of any length that JSON allows.
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 10**9


def _whole(value: float) -> float:
    return int(value) if value == int(value) else value


def _mask_edges(bitmap: object) -> Edges:
    if not isinstance(bitmap, dict) or not isinstance(bitmap.get("data"), str):
        raise ValueError("no bitmap.data")
    origin = bitmap.get("origin")
    if not (isinstance(origin, list) and len(origin) == 2 and all(_is_number(value) for value in origin)):
        raise ValueError(f"a bitmap.origin that is {str(origin)[:60]}, not [x, y]")
    bounds = _read_mask(bitmap["data"]).getbbox()
    if bounds is None:
        raise ValueError("a bitmap without any pixel set")
    x, y = (_whole(value) for value in origin)
    return x + bounds[0], y + bounds[1], x + bounds[2], y + bounds[3]


def _read_mask(data: str) -> Pillow.Image:
    """Decode base64 of zlib of PNG. What is set is what is not transparent; without transparency, what is not 0."""
    try:
        unpacker = zlib.decompressobj()
        png = unpacker.decompress(base64.b64decode(data), MAX_MASK_BYTES)
        if unpacker.unconsumed_tail:
            raise ValueError(f"a bitmap of more than {MAX_MASK_BYTES} bytes")
        with Pillow.open(io.BytesIO(png), formats=("PNG",)) as image:
            if image.has_transparency_data:
                mask: Pillow.Image = image.convert("RGBA").getchannel("A")
            else:
                # A palette's index, not its colour, says what is set.
                mask = image.getchannel(0) if image.mode == "P" else image.convert("L")
            return mask
    except (binascii.Error, zlib.error, OSError, SyntaxError, Pillow.DecompressionBombError) as error:
        raise ValueError(f"a bitmap.data that is not base64 of zlib of PNG: {error}") from error
