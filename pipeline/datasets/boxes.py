"""The check every box goes through, whatever its format."""

from __future__ import annotations

from pipeline.datasets.frame import Frame
from pipeline.datasets.model import Box, format_number
from pipeline.datasets.problems import Problems

ROUNDING_PX = 1.0
"""How far a box may stick out before it is an error and not rounding: tools that count from 0 and tools that
count from 1 differ by one pixel, normalised coordinates with six digits by a fraction of one."""


def to_checked_box(box: Box, frame: Frame, problems: Problems, *, where: str) -> Box | None:
    """Return the box, clipped where it sticks out by rounding; refuse it where it is outside or has no area."""
    edges = "({})".format(", ".join(format_number(v) for v in (box.xmin, box.ymin, box.xmax, box.ymax)))
    if box.xmin >= box.xmax or box.ymin >= box.ymax:
        problems.refuse(
            "box_inverted" if box.xmin > box.xmax or box.ymin > box.ymax else "box_no_area",
            f"{where} ({box.label}): box {edges} has no area; wanted xmin < xmax and ymin < ymax",
            hint="delete the object, or draw it again",
        )
        return None
    clipped = Box(
        box.label, max(box.xmin, 0), max(box.ymin, 0), min(box.xmax, frame.width), min(box.ymax, frame.height)
    )
    if clipped == box:
        return box
    overshoot = max(-box.xmin, -box.ymin, box.xmax - frame.width, box.ymax - frame.height)
    if overshoot > ROUNDING_PX or clipped.xmin >= clipped.xmax or clipped.ymin >= clipped.ymax:
        problems.refuse(
            "box_outside",
            f"{where} ({box.label}): box {edges} is outside its image of {frame.width}x{frame.height}",
            hint="draw it again inside the image",
        )
        return None
    problems.note("box_clipped", where)
    return clipped
