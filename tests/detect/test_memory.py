"""Detecting in many images takes hardly more memory than in few. By name: make test TESTS='-m slow tests/detect'."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.project import ROOT, shared_data

BYTES_AN_IMAGE = 1500  # its name in lists and in the journal; pictures and detections would be a hundred times that
FEW, MANY = 500, 10_000


def peak_of(images: int, tmp_path: Path) -> int:
    """Detect in so many images; return the most memory that the job needed, in bytes."""
    folder = tmp_path / f"images{images}"
    for number in range(images):
        path = folder / f"{number // 1000:03}" / f"{number:06}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(tmp_path / "photo.jpg", path)
    cats = shared_data() / "mobiledet_dogcat"
    model = ("--model", cats / "ssdlite_mobiledet_dog_vs_cat.tflite", "--labels", tmp_path / "labels.txt")
    flags = ("--images", folder, "--out", tmp_path / f"out{images}", "--threshold", "0.1", "--no-annotated")
    command = [sys.executable, "-m", "pipeline.jobs.detect_images", *map(str, (*model, *flags))]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as running:
        _, status, usage = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
    assert running.returncode == 0
    rows = (tmp_path / f"out{images}" / "detection.csv").read_text().splitlines()
    assert len({row.split(",")[0] for row in rows[1:]}) == images
    return int(usage.ru_maxrss) * 1024


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_memory_stays_flat(tmp_path: Path) -> None:
    photo = Image.open(shared_data() / "mobiledet_dogcat" / "test_images" / "image1.jpg")
    photo.resize((320, 240)).save(tmp_path / "photo.jpg", quality=85)
    (tmp_path / "labels.txt").write_text("cat\ndog\n")
    few, many = peak_of(FEW, tmp_path), peak_of(MANY, tmp_path)
    print(f"{FEW} images {few / 1e6:.0f} MB, {MANY} images {many / 1e6:.0f} MB")
    assert many - few < BYTES_AN_IMAGE * MANY + 8_000_000
