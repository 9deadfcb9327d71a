"""Detections for tests of label files: pictures, what is found in them, and the readers of what was written."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.datasets.formats.voc import dataset as voc
from pipeline.datasets.formats.yolo import dataset as yolo
from pipeline.datasets.model import Dataset
from pipeline.datasets.problems import Problems
from pipeline.detecting.labelled_output import VocFiles, YoloFiles
from pipeline.detecting.saving import Picture
from pipeline.detections.decode import decode_rgb
from pipeline.detections.detections_file import Detection
from tests.datasets.drawing import messages

NAMES = {1: "cat", 2: "driver's cab", 4: "A&B <ü>"}
FORMATS = {"voc": (VocFiles, voc.read), "yolo": (YoloFiles, yolo.read)}

# Inside, with edges between pixels; beyond two edges; one pixel in the corner; all of it
BOXES = [
    (0.21, 0.32, 0.77, 0.654321), (-0.1, 1 / 3, 2 / 3, 1.2), (0.9999, 0.9999, 1.0, 1.0), (0.0, 0.0, 1.0, 1.0),
]  # fmt: skip

# What is in the file when an odd image is saved: its own bytes, or a new JPEG
ODD_IMAGES = {
    "16bit.cropped.tif": ".jpg", "exif_landscape_3.jpg": ".jpg", "exif_landscape_6.jpg": ".jpg",
    "exif_portrait_8.jpg": ".jpg", "hopper.webp": ".jpg", "hopper_gray.jpg": "bytes", "hopper_mask.png": ".jpg",
    "hopper_orientation_5.webp": ".jpg", "hopper_rle8.bmp": ".jpg", "i_trns.png": ".jpg",
    "multiple_exif.jpg": "bytes", "no_palette_with_transparency.gif": ".jpg", "p_trns_single.png": ".jpg",
    "pil_sample_cmyk.jpg": ".jpg", "rgb32bf-rgba.bmp": ".jpg", "sugarshack.mpo": "bytes",
    "tiff_strip_cmyk_jpeg.tif": ".jpg", "uncompressed_la.png": ".jpg",
}  # fmt: skip


def detect(*class_ids: int, offset: int = 0) -> list[Detection]:
    """Make detections of these classes, the boxes one after the other."""
    return [Detection(class_id, 0.9, *BOXES[(place + offset) % len(BOXES)]) for place, class_id in enumerate(class_ids)]


def take(path: Path, name: str | None = None) -> Picture:
    return Picture(name or path.name, decode_rgb(str(path)), path)


def draw(*, width: int = 40, height: int = 30, shade: int = 90, name: str = "film.mp4/000000.jpg") -> Picture:
    return Picture(name, np.full((height, width, 3), shade, np.uint8), None)


def read_back(folder: Path, kind: str) -> tuple[Dataset, dict[str, list[str]]]:
    problems = Problems()
    return FORMATS[kind][1](folder, problems), messages(problems)
