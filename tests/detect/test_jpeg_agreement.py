"""What is detected in a JPEG does not depend on whether Pillow or the Object Detection API decoded it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.detections.decode import decode_rgb
from pipeline.detections.tflite_runtime import TfliteDetector
from tests.project import ROOT, need_environment, shared_data

pytestmark = pytest.mark.odapi

SCORE = 0.01


@pytest.fixture(scope="module")
def photos() -> list[Path]:
    """Return RGB JPEGs of several cameras and programs that stand upright, as those in records do."""
    data = shared_data()
    found = [
        *sorted((data / "mobiledet_dogcat" / "test_images").iterdir()),
        *sorted((data / "voc100").rglob("*.jpg"))[:12],
    ]
    found += sorted((data / "raccoon" / "images").iterdir())[:20]
    return [path for path in found if Image.open(path).mode == "RGB" and Image.open(path).getexif().get(0x0112, 1) == 1]


def decode(photos: list[Path], folder: Path, dct_method: str) -> list[np.ndarray]:
    script = ROOT / "tests/detect/decode_jpeg_with_tensorflow.py"
    command = [need_environment("odapi"), script, dct_method, folder, *photos]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [np.load(folder / f"{number}.npy") for number in range(len(photos))]


def compare(photos: list[Path], decoded: list[np.ndarray]) -> tuple[int, float, int]:
    """Return the largest difference of a pixel, and of one of an image's best five scores, and how many are high."""
    detector = TfliteDetector(shared_data() / "mobiledet_dogcat" / "ssdlite_mobiledet_dog_vs_cat.tflite")
    pixels, scores, high = 0, 0.0, 0
    for path, theirs in zip(photos, decoded, strict=True):
        ours = decode_rgb(str(path))
        assert ours.shape == theirs.shape
        pixels = max(pixels, int(np.abs(ours.astype(int) - theirs).max()))
        found, wanted = ([one.score for one in detector.detect(image).detections[:5]] for image in (ours, theirs))
        scores = max(scores, *np.abs(np.subtract(found, wanted)))
        high += sum(score > 0.5 for score in found)
    return pixels, scores, high


def test_scores_agree_with_those_on_pixels_that_training_sees(photos: list[Path], tmp_path: Path) -> None:
    pixels, scores, high = compare(photos, decode(photos, tmp_path, "INTEGER_ACCURATE"))
    assert len(photos) > 30 and high > 8
    assert pixels == 0 and scores <= SCORE


def test_the_default_of_tensorflow_would_not_agree(photos: list[Path], tmp_path: Path) -> None:
    """Why training_input.py sets the method, and that the test above could fail."""
    pixels, scores, _ = compare(photos, decode(photos, tmp_path, ""))
    assert pixels > 2 and scores > SCORE
