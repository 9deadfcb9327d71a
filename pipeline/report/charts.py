"""Charts as inline SVG: coloured by the page's style sheet, described in words for those who do not see them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from pipeline.report.box_counts import PER_IMAGE_EDGES, RATIO_EDGES, SizeCounts

WIDTH = 400
CLASS_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#9467bd")
"""The palette of Okabe and Ito, whose colours people of any colour vision tell apart; its black and gray are left
out, as they are lost in photos."""
DASHES = ("none", "7 3", "2 3")
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 18, 14, 38


def class_style(number: int) -> tuple[str, str]:
    """Return the colour and the dash pattern of a class: two classes of one colour differ in their dashes."""
    return CLASS_COLOURS[number % len(CLASS_COLOURS)], DASHES[number // len(CLASS_COLOURS) % len(DASHES)]


def draw_swatch(number: int) -> str:
    """Draw the sign of a class: a piece of its line."""
    colour, dash = class_style(number)
    return (
        '<svg class="swatch" viewBox="0 0 18 12" aria-hidden="true"><rect x="1.5" y="1.5" width="15" height="9" rx="1" '
        f'fill="{colour}" fill-opacity=".25" stroke="{colour}" stroke-width="3" stroke-dasharray="{dash}"/></svg>'
    )


def name_class(label: str, number: int) -> str:
    """Write a class with its sign; a label that is written from right to left turns nothing around it."""
    return f"{draw_swatch(number)}<bdi>{escape(label)}</bdi>"


def draw_bar(train: int, test: int, *, most: int) -> str:
    """Draw one bar of two parts; the longest of its column is `most` long."""
    first, second = (100 * count / max(most, 1) for count in (train, test))
    return (
        '<svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="train" width="{first:.2f}" height="10"/>'
        f'<rect class="test" x="{first:.2f}" width="{second:.2f}" height="10"/></svg>'
    )


def draw_sizes(
    sizes: SizeCounts,
    *,
    title: str,
    described: str,
    anchors: Sequence[tuple[float, float]] = (),
    limits: Sequence[int] = (),
) -> str:
    """Draw boxes counted by width and height, both logarithmic, in pixels.

    `anchors` (width, height) are drawn as rings; `limits` as lines, below which a box's shorter side lies.
    """
    first, last = _used_steps(sizes.counts, anchors)
    side = WIDTH - _LEFT - _RIGHT
    height = side * 0.8
    wide, high = side / (last - first), height / (last - first)

    def x(step: float) -> float:
        return _LEFT + (step - first) * wide

    def y(step: float) -> float:
        return _TOP + height - (step - first) * high

    most = max(int(sizes.counts.max()), 1)
    parts = []
    for row, column in np.argwhere(sizes.counts):
        count = int(sizes.counts[row, column])
        words = f"{_range(column)} px wide, {_range(row)} px high: {_boxes(count)}"
        parts.append(_cell(x(column), y(row + 1), wide, high, count / most, words))
    for step in range(first + first % 2, last + 1, 2 if last - first <= 16 else 4):
        parts.append(f'<path class="axis" d="M{x(step):.1f} {_TOP + height:.1f}v4M{_LEFT - 4} {y(step):.1f}h4"/>')
        parts.append(to_text(x(step), _TOP + height + 16, str(2 ** (step // 2))))
        parts.append(to_text(_LEFT - 7, y(step) + 4, str(2 ** (step // 2)), anchor="end"))
    for limit in limits:
        at = 2 * math.log2(limit)
        if first < at < last:
            # Below and left of it, the shorter side is less
            parts.append(f'<path class="limit" d="M{x(at):.1f} {_TOP}V{y(at):.1f}H{_LEFT + side}"/>')
            parts.append(to_text(x(at) + 3, _TOP + 9, f"{limit} px", anchor="start", kind="limit-text"))
    for across, down in anchors:
        place = f'cx="{x(2 * math.log2(max(across, 1))):.1f}" cy="{y(2 * math.log2(max(down, 1))):.1f}"'
        words = f"anchor of {across:g} x {down:g} px"
        parts.append(f'<circle class="anchor" {place} r="3.6"><title>{words}</title></circle>')
    parts.append(f'<path class="axis" d="M{_LEFT} {_TOP}V{_TOP + height:.1f}H{_LEFT + side}"/>')
    parts.append(to_text(_LEFT + side / 2, _TOP + height + 33, "width in pixels"))
    parts.append(to_text(0, 0, "height in pixels", turned=(12, _TOP + height / 2)))
    return to_svg(parts, height=_TOP + height + _BOTTOM, title=title, described=described)


def _used_steps(counts: NDArray[np.int64], anchors: Sequence[tuple[float, float]]) -> tuple[int, int]:
    """Return the first and last half octave to show, both even, so that they are powers of two."""
    used = np.argwhere(counts)
    steps = [2 * math.log2(max(size, 1)) for anchor in anchors for size in anchor]
    low = min([int(used.min()) if len(used) else 6, *(math.floor(step) for step in steps)])
    high = max([int(used.max()) + 1 if len(used) else 12, *(math.ceil(step) for step in steps)])
    return low // 2 * 2, max((high + 1) // 2 * 2, low // 2 * 2 + 4)


def draw_ratios(ratios: NDArray[np.int64], *, title: str, described: str) -> str:
    """Draw boxes counted by width / height, logarithmic."""
    words = [f"{low:.2g} to {high:.2g}" for low, high in zip(RATIO_EDGES, RATIO_EDGES[1:], strict=False)]
    ticks = {4 * power + 18: _ratio_text(power) for power in range(-4, 5)}
    return _draw_columns(
        ratios.tolist(), words, ticks, "width : height", "boxes", title=title, described=described, at_edges=True
    )


def _ratio_text(power: int) -> str:
    return f"{2**power}:1" if power >= 0 else f"1:{2**-power}"


def draw_per_image(per_image: NDArray[np.int64], *, title: str, described: str) -> str:
    """Draw images counted by how many boxes they have."""
    last = int(np.flatnonzero(per_image)[-1]) + 1 if per_image.any() else 1
    words, ticks = [], {}
    for number in range(last):
        low = PER_IMAGE_EDGES[number]
        high = PER_IMAGE_EDGES[number + 1] - 1 if number + 1 < len(PER_IMAGE_EDGES) else None
        text = str(low) if high == low else f"{low} to {high}" if high else f"{low} or more"
        words.append(f"{text} {'box' if text == '1' else 'boxes'}")
        # Of many, every other, or they would run into one another
        if last <= 10 or number % 2 == 0:
            ticks[number] = str(low) if high == low else f"{low}+"
    return _draw_columns(
        per_image[:last].tolist(), words, ticks, "boxes in an image", "images", title=title, described=described
    )


def _draw_columns(
    counts: Sequence[int],
    words: Sequence[str],
    ticks: dict[int, str],
    across: str,
    up: str,
    *,
    title: str,
    described: str,
    at_edges: bool = False,
) -> str:
    side, height = WIDTH - _LEFT - _RIGHT, 190
    wide = side / max(len(counts), 6)
    most = max([*counts, 1])
    parts = []
    for share in (0.5, 1):
        y = _TOP + height * (1 - share)
        parts.append(f'<path class="axis" d="M{_LEFT} {y:.1f}h{side}"/>')
        if share == 1 or most % 2 == 0:
            parts.append(to_text(_LEFT - 6, y + 4, shorten(round(most * share)), anchor="end"))
    for number, count in enumerate(counts):
        if count:
            tall = max(height * count / most, 1)
            place = f'x="{_LEFT + number * wide + 0.75:.1f}" y="{_TOP + height - tall:.1f}"'
            parts.append(
                f'<rect class="cell" {place} width="{wide - 1.5:.1f}" height="{tall:.1f}">'
                f"<title>{escape(words[number])}: {count:,} {up}</title></rect>"
            )
    for number, text in ticks.items():
        parts.append(to_text(_LEFT + (number + (0 if at_edges else 0.5)) * wide, _TOP + height + 16, text))
    parts.append(f'<path class="axis" d="M{_LEFT} {_TOP + height}h{side}"/>')
    parts.append(to_text(_LEFT + side / 2, _TOP + height + 33, across))
    parts.append(to_text(0, 0, up, turned=(12, _TOP + height / 2)))
    return to_svg(parts, height=_TOP + height + _BOTTOM, title=title, described=described)


def draw_places(places: NDArray[np.int64], *, title: str, described: str) -> str:
    """Draw where in their images the centres of the boxes lie."""
    side = 250
    left = (WIDTH - side) / 2
    cell = side / len(places)
    most = max(int(places.max()), 1)
    parts = [
        _cell(left + column * cell, _TOP + row * cell, cell, cell, int(places[row, column]) / most,
              _boxes(int(places[row, column])))
        for row, column in np.argwhere(places)
    ]  # fmt: skip
    parts.append(f'<rect class="axis" x="{left}" y="{_TOP}" width="{side}" height="{side}"/>')
    parts.append(to_text(left, _TOP + side + 16, "left", anchor="start"))
    parts.append(to_text(left + side, _TOP + side + 16, "right", anchor="end"))
    parts.append(to_text(left - 6, _TOP + 10, "top", anchor="end"))
    parts.append(to_text(left - 6, _TOP + side, "bottom", anchor="end"))
    return to_svg(parts, height=_TOP + side + 24, title=title, described=described)


def to_svg(parts: Sequence[str], *, height: float, title: str, described: str) -> str:
    """Put the parts of a chart, WIDTH wide, together; `title` and `described` are read to those who do not see it."""
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(title)}: {escape(described)}">'
        f"{''.join(parts)}</svg>"
    )


def _cell(x: float, y: float, wide: float, high: float, share: float, words: str) -> str:
    # The root shows the few beside the many
    return (
        f'<rect class="cell" x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{high:.1f}" '
        f'fill-opacity="{0.1 + 0.9 * math.sqrt(share):.2f}"><title>{words}</title></rect>'
    )


def to_text(
    x: float, y: float, words: str, *, anchor: str = "middle", kind: str = "", turned: tuple[float, float] | None = None
) -> str:
    """Write words at a place, or turned to stand beside an axis."""
    place = f'x="{x:.1f}" y="{y:.1f}"'
    if turned:
        place = f'transform="translate({turned[0]:.1f} {turned[1]:.1f}) rotate(-90)"'
    named = f' class="{kind}"' if kind else ""
    return f'<text {place} text-anchor="{anchor}"{named}>{escape(words)}</text>'


def _range(step: int) -> str:
    return f"{2 ** (step / 2):.0f} to {2 ** ((step + 1) / 2):.0f}"


def _boxes(count: int) -> str:
    return "1 box" if count == 1 else f"{count:,} boxes"


def shorten(count: int) -> str:
    """Format a count for an axis: 950, 12k, 1.5M."""
    for size, letter in ((10**6, "M"), (10**4, "k")):
        if count >= size:
            return f"{count / min(size, 10**6 if letter == 'M' else 10**3):.3g}{letter}"
    return str(count)
