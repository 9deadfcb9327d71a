"""What TensorBoard shows: pictures of test images with truth and detections, and the line of a running training."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.odapi.test_train import run_code

pytestmark = pytest.mark.odapi


def test_truth_and_detections_have_their_colours_at_their_places(odapi_python: Path):
    code = """
import collections, io, json, numpy as np
from training import sample_images
from PIL import Image
from pipeline.detections.detections_file import Detection
Sample = collections.namedtuple("Sample", "image truth detections")
Truth = collections.namedtuple("Truth", "boxes")
found = [Detection(2, 0.9, 0.5, 0.5, 0.75, 1.0), Detection(1, 0.2, 0.1, 0.1, 0.2, 0.2)]
samples = [Sample(np.zeros((960, 1280, 3), np.uint8), Truth([(100, 200, 400, 600)]), found),
           Sample(np.full((20, 10, 3), 255, np.uint8), Truth(np.zeros((0, 4))), [])]
summary = sample_images.image_summary(samples, ["cat", "h\\u00fchner \\u732b"])
first, second = [Image.open(io.BytesIO(one.image.encoded_image_string)) for one in summary.value]
print(json.dumps([[one.tag for one in summary.value], first.size, second.size, first.getpixel((50, 200)),
                  first.getpixel((125, 100)), first.getpixel((320, 300)), first.getpixel((64, 70)),
                  first.getpixel((10, 10)), len(second.getcolors())]))
"""
    assert json.loads(run_code(odapi_python, code)) == [
        ["test_images/0", "test_images/1"], [640, 480], [10, 20], [40, 200, 80], [40, 200, 80], [255, 140, 0],
        [0, 0, 0], [0, 0, 0], 1,
    ]  # fmt: skip


def test_the_line_of_a_training_fits_80_columns(odapi_python: Path):
    code = """
import json, io, screen
from training import live_view
from pipeline.report import screen as shown
view = live_view.LiveView(batch=16)
notes = [view.note({"loss": loss, "learning_rate": 0.00312345}, 0.25, 2040109466) for loss in [4.0] * 50 + [1000.0]]
shown._screen = io.StringIO()
progress = shown.Progress("train", total=20000, unit="step", start=0, shows_rate=False)
progress._began -= 7500
progress._shown_at = 0
progress.update(12345, note=notes[49])
text = shown._screen.getvalue()
print(json.dumps([notes[0], notes[-1], text, len(progress._bar(text.strip()))]))
"""
    first, last, line, width = json.loads(run_code(odapi_python, code))
    assert first == "loss 4  lr 0.0031  64 img/s  1.9 GB"
    assert last.startswith("loss 57.73 ")  # one odd step does not make the line jump to 1000
    assert line == "train  step 12345/20000  loss 4  lr 0.0031  64 img/s  1.9 GB  1h17m left\n"
    assert width <= 79
