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

from pipeline.datasets.images.frame import read_header
from pipeline.datasets.label_map import format_label_map
from pipeline.datasets.model import Box, Image
from pipeline.datasets.tf_csv import read_csv
from pipeline.models import read_preset
from pipeline.records.examples import Packing
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


def draw_boxes(folder: Path) -> list[Image]:
    """Four photos, each with three boxes of the first class and one of the second."""
    chance = np.random.default_rng(0)
    images = []
    for number in range(4):
        path = folder / f"{number}.jpg"
        Pillow.fromarray(chance.integers(0, 255, (120, 160, 3), dtype=np.uint8)).save(path)
        boxes = [Box(LABELS[place // 3], 10 + 30 * place, 20, 60 + 30 * place, 90) for place in range(4)]
        images.append(Image(path, path.name, 160, 120, tuple(boxes)))
    return images


def test_weights_arrive_and_are_1_where_there_are_none(tmp_path: Path) -> None:
    ids, weights = {LABELS[0]: 1, LABELS[1]: 2}, {LABELS[0]: 0.25, LABELS[1]: 3.25}
    images = draw_boxes(tmp_path)
    for name, given in (("none", {}), ("given", weights)):
        write_records([tmp_path / name], images, Packing(ids, given))
        lines = decode(tmp_path / name, LABELS, tmp_path)
        assert [line["weights"] for line in lines] == 4 * [[0.25, 0.25, 0.25, 3.25] if given else [1, 1, 1, 1]]


def test_the_training_s_loss_heeds_the_weights(tmp_path: Path) -> None:
    images = draw_boxes(tmp_path)
    preset = read_preset("ssd_mobilenet_v2_quantized_small").model_dump()
    preset["pipeline"]["train_config"]["data_augmentation_options"] = []
    (tmp_path / "model.json").write_text(json.dumps(preset))
    ids = {LABELS[0]: 1, LABELS[1]: 2}
    weights = {"none": {}, "ones": dict.fromkeys(ids, 1.0), "unequal": {LABELS[0]: 0.25, LABELS[1]: 3.25}}
    for name, given in weights.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "label_map.pbtxt").write_text(format_label_map(LABELS[:2]), encoding="utf-8")
        write_records([tmp_path / name / "train.record-00000-of-00001"], images, Packing(ids, given))
    command = [need_environment("odapi"), ROOT / "tests/records/loss_of_records.py", tmp_path / "model.json", "4"]
    done = subprocess.run(
        [*command, *(tmp_path / name for name in weights)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    losses = dict(zip(weights, map(json.loads, done.stdout.splitlines()), strict=True))
    assert losses["ones"] == pytest.approx(losses["none"])
    for part in ("localization_loss", "classification_loss"):
        assert losses["unequal"][part] != pytest.approx(losses["ones"][part], rel=1e-2)


def test_a_shrunk_photo_decodes_to_its_size_and_the_boxes_it_had(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Pillow.new("RGB", (1001, 667)).save(path)
    image = Image(path, path.name, 1001, 667, (Box(LABELS[0], 7, 13, 500, 667),))
    written = write_records([tmp_path / "a.record"], [image], Packing({LABELS[0]: 1}, max_side=300))
    (line,) = decode(tmp_path / "a.record", LABELS, tmp_path)
    assert written.shrunk == 1
    assert (line["shape"], line["size"]) == ([200, 300, 3], [200, 300])
    assert np.allclose(line["boxes"], [[13 / 667, 7 / 1001, 1, 500 / 1001]], atol=1e-7)


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
