"""The detect.py of a bundle: alone with two packages, and with the very boxes of the pipeline."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.detections.decode import decode_rgb
from pipeline.detections.detections_file import to_pixels
from pipeline.detections.tflite_runtime import TfliteDetector
from tests.project import ROOT, shared_data

LINES = 80
LOW = 0.05  # the tiny run has learned little
Bare = tuple[list[str], dict[str, str]]
Row = tuple[str, ...]


def detect(bare: Bare, folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a bundle's detect.py where only its two packages are."""
    python, environment = bare
    command = [*python, str(folder / "detect.py"), *map(str, arguments)]
    return subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, timeout=120, check=False)


def rows_of(done: subprocess.CompletedProcess[str]) -> list[Row]:
    """Parse what it printed, without the titles."""
    titles, *rows = csv.reader(io.StringIO(done.stdout))
    assert titles == ["filename", "width", "height", "class", "score", "xmin", "ymin", "xmax", "ymax"]
    return [tuple(row) for row in rows]


def expected(folder: Path, paths: list[Path], threshold: float) -> list[Row]:
    """Return what the pipeline's own detector finds."""
    detector = TfliteDetector(folder / "tflite/detect.tflite")
    names = (folder / "tflite/labels.txt").read_text().splitlines()
    rows = []
    for path in paths:
        image = decode_rgb(str(path))
        height, width = image.shape[:2]
        for found in detector.detect(image).detections:
            if found.score >= threshold:
                box = (round(edge) for edge in to_pixels(found, width, height))
                cells = (path, width, height, names[found.class_id - 1], f"{found.score:.4f}", *box)
                rows.append(tuple(map(str, cells)))
    return rows


@pytest.fixture
def photos(tiny_root: Path, tmp_path: Path) -> Path:
    """Drawn images as a camera, a scanner and a drawing program would save them."""
    folder = tmp_path / "photos"
    (folder / "deeper").mkdir(parents=True)
    drawn = sorted((tiny_root / "input/drawn").rglob("*.jpg"))[:4]
    for number, path in enumerate(drawn):
        shutil.copyfile(path, folder / "deeper" / f"{number}.jpg")
    image = Image.open(drawn[0])
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    image.save(folder / "turned.JPG", exif=exif)
    clear = image.convert("RGBA")
    clear.putalpha(120)
    clear.save(folder / "clear.png")
    Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257).save(folder / "deep.png")
    image.convert("P").resize((1301, 977)).save(folder / "palette.gif")
    (folder / "notes.txt").write_text("no image")
    return folder


def test_it_is_short_and_needs_two_packages() -> None:
    text = (ROOT / "container_scripts/bundle/detect.py").read_text()
    assert len(text.splitlines()) < LINES
    assert "pip install ai-edge-litert Pillow" in text


def test_its_boxes_are_those_of_the_pipeline(unpacked: Path, photos: Path, bare_python: Bare) -> None:
    done = detect(bare_python, unpacked, photos, "--threshold", LOW)
    assert done.returncode == 0, done.stderr
    paths = sorted(path for path in photos.rglob("*") if path.suffix.lower() in (".jpg", ".png", ".gif"))
    wanted = expected(unpacked, paths, LOW)
    assert rows_of(done) == wanted
    assert len({row[0] for row in wanted}) == len(paths) == 8


@pytest.mark.parametrize(
    "name", ["exif_landscape_3.jpg", "exif_portrait_6.jpg", "exif_landscape_8.jpg", "hopper_orientation_5.webp",
             "16bit.cropped.tif", "i_trns.png", "p_trns_single.png", "pil_sample_cmyk.jpg", "uncompressed_la.png"],
)  # fmt: skip
def test_the_boxes_of_odd_photos_are_in_the_picture_that_people_see(
    unpacked: Path, bare_python: Bare, name: str
) -> None:
    path = shared_data() / "odd_images" / name
    wanted = expected(unpacked, [path], LOW)
    assert rows_of(detect(bare_python, unpacked, path, "--threshold", LOW)) == wanted
    assert wanted


def test_a_broken_image_is_named_and_the_others_are_detected(unpacked: Path, photos: Path, bare_python: Bare) -> None:
    (photos / "broken.jpg").write_bytes(b"no jpeg")
    done = detect(bare_python, unpacked, photos, "--threshold", LOW)
    skipped = [line for line in done.stderr.splitlines() if line.startswith("skipped")]
    assert skipped == [f"skipped {photos}/broken.jpg: cannot identify image file '{photos}/broken.jpg'"]
    assert done.returncode == 3
    assert len({row[0] for row in rows_of(done)}) == 8


def test_images_that_are_not_there_are_said_so(unpacked: Path, tmp_path: Path, bare_python: Bare) -> None:
    done = detect(bare_python, unpacked, tmp_path / "none")
    assert f"skipped {tmp_path}/none: [Errno 2] No such file or directory: '{tmp_path}/none'" in done.stderr
    assert done.returncode == 3


def test_a_package_that_is_missing_is_named_with_how_to_get_it(unpacked: Path, bare_python: Bare) -> None:
    python, environment = bare_python
    done = detect((python, environment | {"PYTHONPATH": "/nowhere"}), unpacked, "photos")
    assert (done.returncode, done.stderr) == (
        1, "error: No module named 'numpy'\nhint: pip install ai-edge-litert Pillow\n",
    )  # fmt: skip
