"""Draw boxes and their labels into pictures, readable at any size."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

GOLDEN_ANGLE = 0.61803398875
"""Hues this far apart on the colour circle never come close to one another, however many there are."""


@dataclass(frozen=True, slots=True)
class LabelledBox:
    """A rectangle in pixels with its words; boxes of one class id share a colour."""

    xmin: float
    ymin: float
    xmax: float
    ymax: float
    text: str
    class_id: int


def class_colour(class_id: int) -> Colour:
    """Choose a class's colour: always the same one, far from those of its neighbours."""
    red, green, blue = colorsys.hsv_to_rgb((class_id * GOLDEN_ANGLE) % 1, 0.85, 0.95)
    return round(red * 255), round(green * 255), round(blue * 255)


def draw_boxes(image: Image.Image, boxes: Sequence[LabelledBox]) -> Image.Image:
    """Return an RGB copy of the image with the boxes drawn; the first box (the best) ends on top.

    Lines and letters grow with the image: 2 and 12 pixels at 400 pixels, 10 and 60 at 4000.
    """
    drawn = image.convert("RGB") if image.mode != "RGB" else image.copy()
    draw = ImageDraw.Draw(drawn)
    size = (drawn.width * drawn.height) ** 0.5
    line = max(2, round(size / 350))
    font = _load_font(max(11, round(size / 45)))
    for box in reversed(boxes):
        colour = class_colour(box.class_id)
        corners = (
            max(0, round(box.xmin)),
            max(0, round(box.ymin)),
            min(drawn.width, round(box.xmax)) - 1,
            min(drawn.height, round(box.ymax)) - 1,
        )
        if corners[0] <= corners[2] and corners[1] <= corners[3]:
            draw.rectangle(corners, outline=colour, width=line)
    for box in reversed(boxes):
        _draw_label(draw, box, font=font, size=drawn.size, line=line)
    return drawn


def _draw_label(draw: ImageDraw.ImageDraw, box: LabelledBox, *, font: Font, size: tuple[int, int], line: int) -> None:
    """Put the words above the box, or inside it where there is no room above."""
    left, top, right, bottom = draw.textbbox((0, 0), box.text, font=font)
    width, height = right - left + 2 * line, bottom - top + 2 * line
    x = max(0, min(round(box.xmin), round(size[0] - width)))
    y = round(box.ymin - height)
    if y < 0:
        y = max(0, min(round(box.ymin), round(size[1] - height)))
    colour = class_colour(box.class_id)
    draw.rectangle((x, y, x + width - 1, y + height - 1), fill=colour)
    draw.text((x + line - left, y + line - top), box.text, fill=_readable_on(colour), font=font)


def _readable_on(colour: Colour) -> Colour:
    """Choose black or white letters, whichever stands out more (ITU-R BT.601 luma)."""
    red, green, blue = colour
    return (0, 0, 0) if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else (255, 255, 255)


@lru_cache(maxsize=8)
def _load_font(size: int) -> Font:
    return ImageFont.load_default(size)
