"""What an evaluation during training says, against the code that scores the exported models."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.metrics import TestSplit, TruthImage
from tests.odapi.conftest import run, screen_lines, train_command
from tests.odapi.test_train import read_metrics, run_code

pytestmark = pytest.mark.odapi


def draw_truth_and_detections(seed: int) -> tuple[list[list], list[list[float]]]:
    """Draw 40 images' boxes (some difficult, one class without any) and detections near them and anywhere."""
    random = np.random.default_rng(seed)
    images, rows = [], []
    for index in range(40):
        count = int(random.integers(0, 6))
        corners = random.uniform(0, 200, (count, 2))
        sides = random.uniform(4, 120, (count, 2))
        boxes = np.hstack([corners, corners + sides]).round(3)
        classes = random.integers(1, 4, count)
        ignored = random.random(count) < 0.15
        images.append([320, 320, boxes.tolist(), classes.tolist(), ignored.tolist()])
        for box, class_id in zip(boxes, classes, strict=True):
            for _ in range(int(random.integers(0, 4))):
                shift = random.normal(0, 6, 4)
                xmin, ymin, xmax, ymax = np.clip(box + shift, 0, 320)
                rows.append([index, xmin, ymin, max(xmax - xmin, 0), max(ymax - ymin, 0), random.random(), class_id])
        for _ in range(3):
            x, y = random.uniform(0, 250, 2)
            rows.append([index, x, y, *random.uniform(1, 70, 2), random.random(), int(random.integers(1, 5))])
    return images, [[float(value) for value in row] for row in rows]


def test_both_codes_of_the_mean_average_precision_agree(odapi_python: Path, tmp_path: Path):
    drawn = [draw_truth_and_detections(seed) for seed in range(3)]
    drawn.append((drawn[0][0], []))  # nothing was detected
    cases = tmp_path / "cases.json"
    cases.write_text(json.dumps(drawn))
    found = json.loads(run_code(odapi_python, f"""
import json
from detection import coco_metrics
found = []
for images, rows in json.load(open({str(cases)!r})):
    truth = coco_metrics.Truth([coco_metrics.TruthImage(*image) for image in images], 4)
    found.append(truth.score(rows) + truth.score(rows))
print(json.dumps(found))
"""))  # fmt: skip
    for (images, rows), figures in zip(drawn, found, strict=True):
        truth = [
            TruthImage(width, height, np.array(boxes, dtype=np.float64).reshape(-1, 4), classes, ignored)
            for width, height, boxes, classes, ignored in images
        ]
        wanted = TestSplit(truth, class_names=["a", "b", "c", "none"]).evaluate(np.array(rows, dtype=np.float64))
        assert figures == pytest.approx([wanted.map, wanted.map50] * 2, abs=1e-6)
    assert found[0][0] > 0.1
    assert found[-1] == [0, 0, 0, 0]


def test_few_images_are_all_looked_at_and_many_are_spread_evenly(odapi_python: Path):
    chosen = json.loads(run_code(odapi_python, """
import json
from detection import test_images
class Numbered(test_images.TestImages):
    def __init__(self, total):
        self.total, self._most = total, 4
    def _read_all(self):
        return (str(n) for n in range(self.total))
class Example:
    FromString = staticmethod(lambda n: type("E", (), {"features": type("F", (), {"feature": int(n)})}))
test_images.tf = type("tf", (), {"train": type("t", (), {"Example": Example})})
print(json.dumps([list(Numbered(total).read()) for total in (0, 1, 4, 5, 12)]))
"""))  # fmt: skip
    assert chosen == [[], [0], [0, 1, 2, 3], [1, 2, 3, 4], [2, 5, 8, 11]]


def test_the_best_evaluation_is_kept_and_said(two_phase_run):
    train_dir, result = two_phase_run
    (line,) = [line for line in read_metrics(train_dir) if "map" in line]
    assert (line["step"], line["quantized"], line["evaluated_images"]) == (6, True, 2)
    assert 0 <= line["map"] <= line["map_50"] <= 1
    entry = json.loads((train_dir / "best.json").read_text())
    assert entry == {
        "step": 6, "map": line["map"], "map_50": line["map_50"], "quantized": True, "prefix": "best/model.ckpt-6",
    }  # fmt: skip
    assert {path.name for path in (train_dir / "best").iterdir()} == {
        "model.ckpt-6.index", "model.ckpt-6.data-00000-of-00001",
    }  # fmt: skip
    said = [line for line in result.stderr.splitlines() if line.startswith("evaluated ")]
    assert len(said) == 1
    assert said[0].startswith(f"evaluated step 6: mAP {line['map']:.3f} (best), mAP@.5 {line['map_50']:.3f} on 2 test")


def test_nothing_is_evaluated_when_so_asked(odapi_python: Path, two_phase_run, records: Path, tmp_path: Path):
    options = tmp_path / "options.json"
    options.write_text('{"eval_every": 0}')
    model = two_phase_run[0].parent / "model.json"
    result = run(train_command(odapi_python, records, tmp_path / "train", model=model, steps=1, options=options))
    assert result.returncode == 0, result.stderr[-3000:]
    assert "trained 1 steps" in screen_lines(result)
    assert [line["step"] for line in read_metrics(tmp_path / "train")] == [1]
    assert not (tmp_path / "train/best.json").exists()
