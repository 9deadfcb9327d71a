"""How far an artefact may be from its checkpoint, and what TOLERANCE= makes of it."""

from __future__ import annotations

import pytest

from pipeline.config import parse_settings
from pipeline.errors import ConfigError
from pipeline.fidelity.limits import Limit, Shipped, describe_break, describe_notes, find_limit, judge
from pipeline.tolerance import ARTEFACTS, Tolerance, parse_tolerance

EXACT, EIGHT_BITS, ROUNDED = Limit(0.1, either_way=True), Limit(1.5, aim=0.5), Limit(0.5)
FLOAT, QUANTIZED = Shipped(False, "float16"), Shipped(True, "uint8")


@pytest.mark.parametrize(
    ("shipped", "limits"),
    [
        (FLOAT, {"tflite_float": EXACT, "tfjs": EXACT, "tfjs_fast": EXACT, "tfjs_chromium": EXACT}),
        (
            Shipped(False, "uint8"),
            {"tflite_float": EXACT, "tfjs": EXACT, "tfjs_fast": ROUNDED, "tfjs_chromium": ROUNDED},
        ),
        (QUANTIZED, dict.fromkeys(("tflite_float", "tfjs", "tfjs_fast", "tfjs_chromium"), ROUNDED)),
        (Shipped(True, "float32"), dict.fromkeys(("tflite_float", "tfjs", "tfjs_fast", "tfjs_chromium"), ROUNDED)),
    ],
)
def test_limits_go_by_what_an_artefact_may_change(shipped: Shipped, limits: dict[str, Limit]) -> None:
    found = {name: find_limit(name, shipped, Tolerance()) for name in ("checkpoint", *ARTEFACTS)}
    exact = dict.fromkeys(("frozen_graph", "saved_model"), EXACT)
    eight_bits = dict.fromkeys(("tflite", "edgetpu"), EIGHT_BITS)
    none = dict.fromkeys(("checkpoint", "tflite_fast_nms"), None)
    # The regular post-processing ships by default, and `tflite` is of that
    assert found == {**none, **exact, **eight_bits, "tflite_regular_nms": EIGHT_BITS, **limits}


def test_the_post_processing_that_ships_has_the_limit() -> None:
    shipped = Shipped(True, "uint8", nms="fast")
    found = {name: find_limit(name, shipped, Tolerance()) for name in ("tflite_fast_nms", "tflite_regular_nms")}
    assert found == {"tflite_fast_nms": EIGHT_BITS, "tflite_regular_nms": None}


def test_tolerance_changes_all_limits_or_one() -> None:
    tolerance = parse_tolerance("2, tflite=3,tflite_fast_nms=15")
    assert tolerance == Tolerance(2, {"tflite": 3, "tflite_fast_nms": 15})
    found = {name: find_limit(name, QUANTIZED, tolerance) for name in ("checkpoint", "frozen_graph", "tflite", "tfjs")}
    assert found == {
        "checkpoint": None, "frozen_graph": Limit(2, either_way=True), "tflite": Limit(3), "tfjs": Limit(2),
    }  # fmt: skip
    assert find_limit("tflite_fast_nms", QUANTIZED, tolerance) == Limit(15)
    assert find_limit("tflite_fast_nms", QUANTIZED, parse_tolerance("2")) is None


@pytest.mark.parametrize(
    ("difference", "limit", "verdict"),
    [
        (-0.1, EXACT, "within"), (0.1, EXACT, "within"), (0.11, EXACT, "broken"), (-0.11, EXACT, "broken"),
        (4.0, EIGHT_BITS, "within"), (-0.5, EIGHT_BITS, "within"), (-0.51, EIGHT_BITS, "short_of_aim"),
        (-1.5, EIGHT_BITS, "short_of_aim"), (-1.51, EIGHT_BITS, "broken"), (-0.51, ROUNDED, "broken"),
        (-60.0, None, "no_limit"), (None, EXACT, "no_limit"),
    ],
)  # fmt: skip
def test_verdicts(difference: float | None, limit: Limit | None, verdict: str) -> None:
    assert judge(difference, limit) == verdict


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("tflit=1", "no artefact is called 'tflit'; did you mean 'tflite'? known: frozen_graph, saved_model, "),
        ("much", "'much' is no number of mAP points from 0 to 100; wanted 2, or tflite=2,tfjs_fast=1"),
        ("tflite=-1", "'-1' is no number of mAP points"),
        ("nan", "'nan' is no number of mAP points"),
    ],
)
def test_a_wrong_tolerance_is_a_wrong_setting(text: str, wrong: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_settings({"tolerance": text})
    assert str(error.value).startswith(f"setting 'tolerance' is {text!r}: {wrong}")


def test_a_number_of_a_yaml_file_is_a_tolerance() -> None:
    assert parse_settings({"tolerance": 2}).tolerance == "2"


def entry(**changes: object) -> dict[str, object]:
    return {
        "artefact": "tflite", "map": 0.5, "difference_points": -2.0, "limit_points": 1.5, "limit_either_way": False,
        "aim_points": 0.5, "verdict": "broken", "rarest_class": {"name": "kite", "boxes": 8, "points_per_box": 3.125},
        "not_run": None, **changes,
    }  # fmt: skip


def test_a_break_names_the_artefact_the_figures_the_limit_and_what_a_box_weighs() -> None:
    assert describe_break(entry()) == (
        "tflite lost 2.00 mAP points: 0.5000, where its checkpoint has 0.5200; wanted at most 1.5 (one of the 8 test "
        "boxes of 'kite' weighs up to 3.12)"
    )
    gained = entry(artefact="frozen_graph", difference_points=0.2, limit_points=0.1, limit_either_way=True)
    assert describe_break(gained).startswith(
        "frozen_graph gained 0.20 mAP points: 0.5000, where its checkpoint has 0.4980; wanted at most 0.1, either way ("
    )


def test_notes_say_what_breaks_no_limit_and_is_worth_a_line() -> None:
    aim = entry(verdict="short_of_aim", difference_points=-0.8)
    capped = entry(verdict="within", as_shipped={"nms": "regular", "max_detections": 20, "map": 0.49})
    little = entry(verdict="within", as_shipped={"nms": "regular", "max_detections": 20, "map": 0.496})
    assert describe_notes([aim, capped, little]) == [
        "tflite lost 0.80 mAP points; the aim is 0.5, the limit 1.5",
        "as shipped, with at most 20 boxes an image, tflite has an mAP of 0.4900, with 100 one of 0.5000: "
        "MAX_DETECTIONS= changes it",
    ]
