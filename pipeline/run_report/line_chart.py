"""Curves as inline SVG, in the look of the other charts: over steps, or precision over recall."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from pipeline.report.charts import WIDTH, shorten, to_svg, to_text

_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 14, 14, 40
_HEIGHT = 190
_LETTER = 6.2
"""Pixels, about, of a letter of the chart."""
MOST_POINTS = 250
"""More are drawn as the mean of neighbours: a chart has 330 pixels."""

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Line:
    """One curve: its name, its points, and how it is drawn: a colour of CSS and a dash pattern."""

    name: str
    points: Points
    colour: str = "var(--accent)"
    dash: str = "none"
    dots: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """A step worth a line across the chart, with words; `at` is where on the curve a ring is drawn."""

    step: float
    words: str
    at: float | None = None


def draw_lines(
    lines: Sequence[Line],
    *,
    title: str,
    described: str,
    across: str,
    up: str,
    marks: Sequence[Mark] = (),
    span: tuple[float, float] | None = None,
    rise: tuple[float, float] | None = None,
    logarithmic: bool = False,
) -> str:
    """Draw curves. `span` and `rise` are the ends of the axes, found from the points where they are not given."""
    drawn = [(line, _thin(line.points)) for line in lines]
    xs = [x for _, points in drawn for x, _ in points] or [0.0, 1.0]
    ys = [y for _, points in drawn for _, y in points if y > 0 or not logarithmic] or [0.1, 1.0]
    left, right = span or (min(xs), max(xs))
    right = right if right > left else left + 1
    low, high = rise or ((min(ys), max(ys)) if logarithmic else (0.0, max(ys)))
    if logarithmic:
        low, high = 10 ** math.floor(math.log10(low)), 10 ** math.ceil(math.log10(high) - 1e-9)
    if not high > low:
        high = low * 10 if logarithmic else low + 1
    if rise is None and not logarithmic:
        high = _round_up(low, high)
    side = WIDTH - _LEFT - _RIGHT

    def x(value: float) -> float:
        return _LEFT + side * (value - left) / (right - left)

    def y(value: float) -> float:
        if logarithmic:
            value = math.log10(max(value, low)) - math.log10(low)
            return _TOP + _HEIGHT * (1 - value / (math.log10(high) - math.log10(low)))
        return _TOP + _HEIGHT * (1 - (value - low) / (high - low))

    parts = []
    for value in _log_ticks(low, high) if logarithmic else find_ticks(low, high):
        parts.append(f'<path class="axis" d="M{_LEFT} {y(value):.1f}h{side}"/>')
        parts.append(to_text(_LEFT - 6, y(value) + 4, _figure(value), anchor="end"))
    for value in find_ticks(left, right):
        parts.append(f'<path class="axis" d="M{x(value):.1f} {_TOP + _HEIGHT}v4"/>')
        parts.append(to_text(x(value), _TOP + _HEIGHT + 16, _figure(value)))
    for line, points in drawn:
        path = "L".join(f"{x(one):.1f} {y(value):.1f}" for one, value in points)
        style = f'stroke="{line.colour}" stroke-dasharray="{line.dash}"'
        if points:
            parts.append(f'<path class="line" d="M{path}" {style}><title>{escape(line.name)}</title></path>')
        for one, value in points if line.dots else ():
            words = f"{line.name} {_figure(one)}: {value:.3g}"
            parts.append(
                f'<circle class="dot" cx="{x(one):.1f}" cy="{y(value):.1f}" r="3.2" fill="{line.colour}">'
                f"<title>{escape(words)}</title></circle>"
            )
    for mark in marks:
        parts.append(_draw_mark(mark, x(mark.step), None if mark.at is None else y(mark.at)))
    parts.append(to_text(_LEFT + side / 2, _TOP + _HEIGHT + 34, across))
    parts.append(to_text(0, 0, up, turned=(11, _TOP + _HEIGHT / 2)))
    return to_svg(parts, height=_TOP + _HEIGHT + _BOTTOM, title=title, described=described)


def _draw_mark(mark: Mark, x: float, y: float | None) -> str:
    # Beside the line where there is room, and down where curves seldom are
    is_right = x + 14 + len(mark.words) * _LETTER > WIDTH - _RIGHT
    side = "end" if is_right else "start"
    words = to_text(x - 5 if is_right else x + 5, _TOP + _HEIGHT - 7, mark.words, anchor=side, kind="halo")
    ring = "" if y is None else f'<circle class="ring" cx="{x:.1f}" cy="{y:.1f}" r="6.5"/>'
    if y is not None:
        below = y + 22 if y < _TOP + _HEIGHT - 30 else y - 12
        words = to_text(WIDTH - _RIGHT if is_right else x + 9, below, mark.words, anchor=side, kind="halo")
        return ring + words
    return f'<path class="mark" d="M{x:.1f} {_TOP}V{_TOP + _HEIGHT}"/>{words}'


def _thin(points: Points) -> Points:
    """Return the means of neighbours where there are more points than a chart can show."""
    if len(points) <= MOST_POINTS:
        return points
    chunks = np.array_split(np.array(points, dtype=np.float64), MOST_POINTS)
    return [(float(chunk[:, 0].mean()), float(chunk[:, 1].mean())) for chunk in chunks]


def find_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Return round numbers between two, at most `most` + 1."""
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [number * step for number in range(first, math.floor(high / step + 1e-9) + 1)]


def _round_up(low: float, high: float) -> float:
    """Return the first tick that is not below the highest point."""
    ticks = find_ticks(low, high)
    step = ticks[1] - ticks[0] if len(ticks) > 1 else high - low
    return ticks[-1] if ticks and ticks[-1] >= high else (ticks[-1] if ticks else low) + step


def _log_ticks(low: float, high: float) -> list[float]:
    powers = range(round(math.log10(low)), round(math.log10(high)) + 1)
    return [10.0**power for power in powers]


def _figure(value: float) -> str:
    return shorten(round(value)) if abs(value) >= 1000 else f"{value:.3g}"
