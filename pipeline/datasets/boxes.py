"""The check every box goes through, whatever its format."""

from __future__ import annotations

from pipeline.datasets.images.frame import ROUNDING_PX, Frame
from pipeline.datasets.model import Box, format_number
from pipeline.datasets.problems import Problems

SMALLEST_PX = 0.98
"""Boxes narrower or lower are less than a pixel. Not 1: six decimals of a share are off by 0.01 px in a photo of
10,000 pixels, at each edge, and a box of one pixel is legal."""


def to_checked_box(box: Box, frame: Frame, problems: Problems, *, where: str) -> Box | None:
    """Return the box in pixels of the real image, clipped where it sticks out by rounding.

    A box that is outside, or has no area, or less than a pixel, is refused; the message has the file's own numbers.
    """
    if box.xmin >= box.xmax or box.ymin >= box.ymax:
        problems.refuse(
            "box_inverted" if box.xmin > box.xmax or box.ymin > box.ymax else "box_no_area",
            f"{where} ({box.label}): box {_edges(box)} has no area; wanted xmin < xmax and ymin < ymax",
            hint="delete the object, or draw it again",
        )
        return None
    scaled = box if frame.drawn is None else _to_scale(box, frame, frame.drawn)
    inside = scaled
    if scaled.xmin < 0 or scaled.ymin < 0 or scaled.xmax > frame.width or scaled.ymax > frame.height:
        inside = Box(
            box.label,
            max(scaled.xmin, 0),
            max(scaled.ymin, 0),
            min(scaled.xmax, frame.width),
            min(scaled.ymax, frame.height),
        )
        overshoot = max(-scaled.xmin, -scaled.ymin, scaled.xmax - frame.width, scaled.ymax - frame.height)
        if overshoot > ROUNDING_PX or inside.xmin >= inside.xmax or inside.ymin >= inside.ymax:
            width, height = frame.drawn or (frame.width, frame.height)
            problems.refuse(
                "box_outside",
                f"{where} ({box.label}): box {_edges(box)} is outside its image of {width}x{height}",
                hint="draw it again inside the image",
            )
            return None
    if inside.xmax - inside.xmin < SMALLEST_PX or inside.ymax - inside.ymin < SMALLEST_PX:
        problems.refuse(
            "box_subpixel",
            f"{where} ({box.label}): box {_edges(box)} is {inside.xmax - inside.xmin:.2g}x"
            f"{inside.ymax - inside.ymin:.2g} pixels in its image; wanted 1x1 or more",
            hint="delete the object, or draw it again",
        )
        return None
    if inside is not scaled:
        problems.note("box_clipped", where)
    return inside


def _edges(box: Box) -> str:
    return "({})".format(", ".join(format_number(v) for v in (box.xmin, box.ymin, box.xmax, box.ymax)))


def _to_scale(box: Box, frame: Frame, drawn: tuple[int, int]) -> Box:
    across, down = frame.width / drawn[0], frame.height / drawn[1]
    return Box(box.label, box.xmin * across, box.ymin * down, box.xmax * across, box.ymax * down)
