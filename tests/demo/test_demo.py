"""What `make demo` left in this project: every artefact detects, and as well as its checkpoint.

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
MOST_LOST_MAP = {"frozen_graph": 0.001, "saved_model": 0.001, "tfjs": 0.01, "tfjs_fast": 0.01, "tflite": 0.015}


@pytest.fixture(scope="module")
def metrics() -> dict[str, dict[str, float]]:
    entries = json.loads((DEMO / "evaluation/metrics.json").read_text(encoding="utf-8"))
    return {entry["artefact"]: entry for entry in entries}


def test_every_artefact_detects(metrics: dict[str, dict[str, float]]) -> None:
    assert set(metrics) == {"checkpoint", *MOST_LOST_MAP}
    assert {name: entry["map50"] for name, entry in metrics.items() if entry["map50"] < LEAST_MAP50} == {}


@pytest.mark.parametrize("artefact", MOST_LOST_MAP)
def test_an_artefact_loses_little_of_its_checkpoint(metrics: dict[str, dict[str, float]], artefact: str) -> None:
    assert metrics[artefact]["map"] > metrics["checkpoint"]["map"] - MOST_LOST_MAP[artefact]


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
