"""Curves: round ticks, few points, valid where there is next to nothing to draw."""

from __future__ import annotations

import re

import pytest

from pipeline.run_report.line_chart import MOST_POINTS, Line, Mark, draw_lines, find_ticks
from tests.report.test_dataset_page import Balanced


def draw(*points: tuple[float, float], **more: object) -> str:
    return draw_lines(
        [Line("loss", points)], title="Loss", described="falls", across="step", up="loss", **more  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0, 800, [0, 200, 400, 600, 800]),
        (0, 0.003, [0, 0.001, 0.002, 0.003]),
        (10, 37, [10, 20, 30]),
        (5, 6, [5.0, 5.2, 5.4, 5.6, 5.8, 6.0]),
    ],
)
def test_ticks_are_round(low: float, high: float, ticks: list[float]):
    assert find_ticks(low, high) == pytest.approx(ticks)


def test_the_curve_goes_from_corner_to_corner():
    (path,) = re.findall(r'class="line" d="M([^"]*)"', draw((0, 0), (10, 1), rise=(0, 1)))
    assert path == "64.0 204.0L386.0 14.0"


def test_a_logarithmic_scale_has_powers_of_ten():
    chart = draw((1, 20.0), (100, 0.05), logarithmic=True)
    assert re.findall(r'text-anchor="end">([\d.]+)</text>', chart) == ["0.01", "0.1", "1", "10", "100"]


def test_many_points_are_drawn_as_few():
    chart = draw(*((step, 1 + step % 7) for step in range(100_000)))
    (path,) = re.findall(r'class="line" d="M([^"]*)"', chart)
    assert path.count("L") == MOST_POINTS - 1
    assert len(chart) < 10_000


@pytest.mark.parametrize("logarithmic", [False, True])
@pytest.mark.parametrize("points", [(), ((5, 3.0),), ((5, 0.0), (6, 0.0)), ((1, 1e-12), (2, 1e9)), ((0, 7), (0, 7))])
def test_next_to_nothing_is_drawn_all_the_same(points: tuple[tuple[float, float], ...], logarithmic: bool):
    chart = draw(*points, logarithmic=logarithmic)
    Balanced(chart)
    assert "nan" not in chart and "inf" not in chart


def test_marks_and_names_are_escaped_and_stay_within_the_chart():
    chart = draw_lines(
        [Line("<script>", [(0, 0.1), (100, 0.9)], dots=True)],
        title="<b>", described='"', across="step", up="mAP", rise=(0, 1),
        marks=[Mark(100, "best: <0.9>", at=0.9), Mark(100, "quantized from here"), Mark(0, "begin")],
    )  # fmt: skip
    page = Balanced(chart)
    assert page.seen.keys() <= {"svg", "path", "circle", "text", "title"}
    assert "best: <0.9>" in page.words
    assert re.findall(r'text-anchor="(\w+)" class="halo">', chart) == ["end", "end", "start"]
