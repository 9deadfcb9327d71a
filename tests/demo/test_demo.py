"""What `make demo` left in this project: every artefact detects, and as well as its checkpoint: within its limit.

make demo && make test TESTS='-m demo tests/demo'
"""

from __future__ import annotations

import csv
import json

import pytest

from tests.project import ROOT

pytestmark = pytest.mark.demo

DEMO = ROOT / "output/demo"
LEAST_MAP50 = 0.80
LIMITS = {
    "frozen_graph": 0.1, "saved_model": 0.1, "tflite": 1.5, "tflite_float": 0.5, "tfjs": 0.5, "tfjs_fast": 0.5,
    "tfjs_chromium": 0.5,
}  # fmt: skip
LEAST_SAME_BOXES = 0.95


@pytest.fixture(scope="module")
def metrics() -> dict[str, dict[str, float]]:
    entries = json.loads((DEMO / "evaluation/metrics.json").read_text(encoding="utf-8"))
    return {entry["artefact"]: entry for entry in entries}


def test_every_artefact_detects(metrics: dict[str, dict[str, float]]) -> None:
    assert set(metrics) == {"checkpoint", "tflite_fast_nms", *LIMITS}
    assert {name: entry["map50"] for name, entry in metrics.items() if entry["map50"] < LEAST_MAP50} == {}


@pytest.mark.parametrize("artefact", LIMITS)
def test_an_artefact_is_within_its_limit(metrics: dict[str, dict[str, float]], artefact: str) -> None:
    found = metrics[artefact]
    assert found["limit_points"] == LIMITS[artefact]
    assert 100 * (metrics["checkpoint"]["map"] - found["map"]) <= LIMITS[artefact]
    assert found["verdict"] in ("within", "short_of_aim")
    assert found["same_boxes"] >= LEAST_SAME_BOXES


def test_no_class_is_lost_by_an_artefact(metrics: dict[str, dict[str, float]]) -> None:
    for name, entry in metrics.items():
        per_class: dict[str, float] = entry["per_class"]  # type: ignore[assignment]
        assert min(per_class.values()) > 0.3, name


def test_pictures_and_tables_are_there() -> None:
    with open(DEMO / "detection/detection.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["class"] for row in rows} == {"ball", "kite", "star", "crate"}
    results = json.loads((DEMO / "detection/detection.json").read_text(encoding="utf-8"))
    assert len(results) == len(rows)
    assert len(list((DEMO / "detection/annotated").iterdir())) >= len({row["filename"] for row in rows})
