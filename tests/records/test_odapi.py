"""TensorFlow 1.15 and the Object Detection API's own decoder read our records back."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from pipeline.datasets.frame import read_header
from pipeline.datasets.label_map import format_label_map
from pipeline.datasets.model import Box, Image
from pipeline.datasets.tf_csv import read_csv
from pipeline.records.writer import write_records
from tests.project import ROOT, need_environment, shared_data
from tests.records.test_images import REFUSED

pytestmark = pytest.mark.odapi
LABELS = ('dog "big" \\ \'', "мышь été", "tab\there")


def decode(record: Path, labels: tuple[str, ...], folder: Path) -> list[dict[str, Any]]:
    label_map = folder / "label_map.pbtxt"
    label_map.write_text(format_label_map(labels), encoding="utf-8")
    command = [need_environment("odapi"), ROOT / "tests/records/decode_with_tensorflow.py", record, label_map]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_others_records_and_ours_decode_to_the_same_pixels_and_boxes(tmp_path: Path) -> None:
    raccoon = shared_data() / "raccoon"
    images = read_csv(raccoon / "data" / "test_labels.csv", raccoon / "images")
    write_records([tmp_path / "ours.record"], images, {"raccoon": 1})
    ours = decode(tmp_path / "ours.record", ("raccoon",), tmp_path)
    theirs = decode(raccoon / "data" / "test.record", ("raccoon",), tmp_path)
    assert len(ours) == 40
    # Their records have no image/object/difficult.
    ours = [{key: value for key, value in line.items() if key != "difficult"} for line in ours]
    theirs = [{key: value for key, value in line.items() if key != "difficult"} for line in theirs]
    assert sorted(ours, key=lambda line: line["filename"]) == sorted(theirs, key=lambda line: line["filename"])


def test_odd_images_decode_to_three_channels_and_their_own_size(tmp_path: Path) -> None:
    images = []
    for path in sorted((shared_data() / "odd_images").iterdir()):
        if path.name not in REFUSED:
            header = read_header(path)
            width, height = header.width, header.height
            images.append(Image(path, path.name, width, height, (Box(LABELS[0], 0, 0, width, height),)))
    write_records([tmp_path / "a.record"], images, {label: number for number, label in enumerate(LABELS, start=1)})
    lines = {line["filename"]: line for line in decode(tmp_path / "a.record", LABELS, tmp_path)}
    for image in images:
        assert lines[image.name]["shape"] == [image.height, image.width, 3]
        assert lines[image.name]["size"] == [image.height, image.width]
        assert lines[image.name]["boxes"] == [[0.0, 0.0, 1.0, 1.0]]


def test_names_ids_and_empty_images_survive(tmp_path: Path) -> None:
    path = tmp_path / "é 'a'.png"
    pixels = np.arange(30 * 40 * 3, dtype=np.uint8).reshape(30, 40, 3)
    Pillow.fromarray(pixels).save(path)
    boxes = tuple(Box(label, 10 * number, 3, 40, 15) for number, label in enumerate(LABELS))
    images = [Image(path, path.name, 40, 30, boxes), Image(path, "empty.png", 40, 30, ())]
    write_records([tmp_path / "a.record"], images, {label: number for number, label in enumerate(LABELS, start=1)})
    full, empty = decode(tmp_path / "a.record", LABELS, tmp_path)
    assert (full["source_id"], full["classes"], full["difficult"]) == (path.name, [1, 2, 3], [0, 0, 0])
    assert np.allclose(full["boxes"], [[0.1, 0, 0.5, 1], [0.1, 0.25, 0.5, 1], [0.1, 0.5, 0.5, 1]])
    assert full["mean"] == pytest.approx(pixels.mean())
    assert (empty["boxes"], empty["classes"], empty["shape"]) == ([], [], [30, 40, 3])


def test_a_turned_photo_is_decoded_as_it_was_labelled(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    shutil.copyfile(shared_data() / "odd_images" / "exif_portrait_6.jpg", path)
    header = read_header(path)
    image = Image(path, path.name, header.height, header.width, (Box(LABELS[0], 0, 0, header.height, header.width),))
    written = write_records([tmp_path / "a.record"], [image], {LABELS[0]: 1})
    (line,) = decode(tmp_path / "a.record", LABELS, tmp_path)
    assert dict(written.reencoded) == {"EXIF rotation": 1}
    assert line["shape"] == [header.width, header.height, 3]
    assert line["boxes"] == [[0.0, 0.0, 1.0, 1.0]]
