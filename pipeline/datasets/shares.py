"""Boxes as shares of their image, from 0 to 1, to boxes in pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipeline.datasets.boxes import to_checked_box
from pipeline.datasets.images.frame import Frame
from pipeline.datasets.model import Box
from pipeline.datasets.problems import Problems

_NO_SHARE = 1.5
"""A number larger than this is no share that is off by rounding, or by a box drawn too far: it counts pixels."""
_NOISE_DIGITS = 9
"""0.1 + 0.2 is not 0.3, and a box that ends at 1 must not end behind its image by 1e-13 of a pixel."""


def to_pixel_box(
    label: str,
    shares: Sequence[float],
    frame: Frame,
    problems: Problems,
    *,
    where: str,
    to_pixels: Callable[[float, int], float] | None = None,
) -> Box | None:
    """Return the box of the shares xmin, ymin, xmax, ymax, checked as `to_checked_box` does; None if it is refused.

    `to_pixels` multiplies a share by the image's side, where its writer's precision is known.
    """
    if max(map(abs, shares)) > _NO_SHARE:
        numbers = ", ".join(f"{share:.6g}" for share in shares)
        problems.refuse(
            "box_outside",
            f"{where} ({label}): box ({numbers}) is not in shares of the image; wanted numbers from 0 to 1",
            hint="divide x by the width of the image and y by its height",
        )
        return None
    to_pixels = to_pixels or to_exact_pixels
    xmin, ymin, xmax, ymax = shares
    box = Box(
        label,
        to_pixels(xmin, frame.width),
        to_pixels(ymin, frame.height),
        to_pixels(xmax, frame.width),
        to_pixels(ymax, frame.height),
    )
    return to_checked_box(box, frame, problems, where=where)


def to_exact_pixels(share: float, side: int) -> float:
    """Multiply, without the noise of binary fractions."""
    value = round(share * side, _NOISE_DIGITS)
    return int(value) if value == int(value) else value


def to_float32_pixels(share: float, side: int) -> float:
    """Multiply a share that was stored in 32 bits: whole pixels become whole again."""
    value = share * side
    whole = round(value)
    return whole if abs(value - whole) <= side * 2**-23 else value
