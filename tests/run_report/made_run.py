"""Runs made by hand, so that a test knows what their report has to say: records, tables, detections, curves."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image as Pillow

from pipeline.datasets.label_map import format_label_map
from pipeline.datasets.model import Box, Image
from pipeline.datasets.tf_csv import write_csv
from pipeline.detections.detections_file import Detection
from pipeline.records.tf_example import encode_example
from pipeline.tfrecord.framing import to_frame

SIZE = (320, 240)
Corners = tuple[float, float, float, float]
"""xmin, ymin, xmax, ymax, as shares of the image."""


@dataclass
class MadeImage:
    """A test image: labels as (class id, corners), detections as (class id, score, corners)."""

    labels: list[tuple[int, Corners]]
    found: list[tuple[int, float, Corners]] = field(default_factory=list)
    difficult: tuple[int, ...] = ()
    name: str = ""


def place(number: int, size: float = 0.2) -> Corners:
    """Return one of twelve places of an image, none of which touches another."""
    column, row = number % 4, number // 4 % 3
    return (0.02 + 0.245 * column, 0.03 + 0.32 * row, 0.02 + 0.245 * column + size, 0.03 + 0.32 * row + size)


def make_run(
    root: Path,
    images: Sequence[MadeImage],
    *,
    name: str = "made",
    classes: Sequence[str] = ("cat", "dog"),
    log: Sequence[Mapping[str, Any]] = (),
    metrics: Sequence[Mapping[str, Any]] = (),
    train_boxes: int = 400,
    settings: Mapping[str, Any] | None = None,
) -> Path:
    """Write a run below `root`; return its output folder. The input of its model is 160x160 pixels."""
    output, records, tables = root / "output" / name, root / "input/tf_records" / name, root / "input/tf_csv" / name
    for folder in (output / "train", output / "evaluation/tensorflow", records, tables):
        folder.mkdir(parents=True)
    for number, image in enumerate(images):
        image.name = image.name or f"photo {number:04}.jpg"
    (records / "label_map.pbtxt").write_text(format_label_map(tuple(classes)), encoding="utf-8")
    _write_records(records / "test.record-00000-of-00001", images, classes)
    _write_detections(output / "evaluation/tensorflow/checkpoint.jsonl", images)
    test = [_to_image(image, classes) for image in images]
    train = Image(Path("t.jpg"), "t.jpg", *SIZE, tuple(Box(one, 9, 9, 99, 99) for one in classes) * (train_boxes // 2))
    write_csv(tables / "test.csv", test)
    write_csv(tables / "train.csv", [train])
    told = {"model": "ssd_mobilenet_v2_quantized_small", "dataset": "input/pets", "name": name}
    told |= {"steps": 800, "batch": 16, **(settings or {})}
    (output / "train/settings.yaml").write_text(yaml.safe_dump(told))
    if log:
        (output / "train/metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in log))
    if metrics:
        (output / "evaluation/metrics.json").write_text(json.dumps(list(metrics)))
    return output


def _to_image(image: MadeImage, classes: Sequence[str]) -> Image:
    width, height = SIZE
    boxes = tuple(
        Box(classes[class_id - 1], x1 * width, y1 * height, x2 * width, y2 * height)
        for class_id, (x1, y1, x2, y2) in image.labels
    )
    return Image(Path(image.name), image.name, width, height, boxes)


def _write_records(path: Path, images: Sequence[MadeImage], classes: Sequence[str]) -> None:
    content = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (30, 40, 3), dtype=np.uint8)
    Pillow.fromarray(noise).resize(SIZE).save(content, "JPEG", quality=60)
    with path.open("wb") as file:
        for image in images:
            name = image.name.encode()
            file.writelines(to_frame(encode_example(
                byte_lists={
                    "image/encoded": [content.getvalue()], "image/format": [b"jpeg"], "image/filename": [name],
                    "image/source_id": [name],
                    "image/object/class/text": [classes[class_id - 1].encode() for class_id, _ in image.labels],
                },
                float_lists={
                    f"image/object/bbox/{side}": [corners[number] for _, corners in image.labels]
                    for number, side in enumerate(("xmin", "ymin", "xmax", "ymax"))
                },
                int_lists={
                    "image/width": [SIZE[0]], "image/height": [SIZE[1]],
                    "image/object/class/label": [class_id for class_id, _ in image.labels],
                    "image/object/difficult": [int(number in image.difficult) for number in range(len(image.labels))],
                },
            )))  # fmt: skip


def _write_detections(path: Path, images: Sequence[MadeImage]) -> None:
    # By hand, as the header of such a file may have more than this
    lines: list[dict[str, Any]] = [{"artefact": "checkpoint", "runtime": "made", "size_bytes": 1000}]
    for image in images:
        found = sorted(image.found, key=lambda one: -one[1])
        rows = [list(Detection(class_id, score, y1, x1, y2, x2)) for class_id, score, (x1, y1, x2, y2) in found]
        lines.append({"source_id": image.name, "filename": image.name, "width": SIZE[0], "height": SIZE[1], "ms": 1.0,
                      "detections": rows})  # fmt: skip
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def made_images(count: int, *, boxes: int = 4, classes: int = 2, size: float = 0.2) -> list[MadeImage]:
    """Make images whose boxes are all found, and right."""
    images = []
    for number in range(count):
        labels = [((number + one) % classes + 1, place(one, size)) for one in range(boxes)]
        images.append(MadeImage(labels, [(class_id, 0.6, corners) for class_id, corners in labels]))
    return images


def rising(*maps: float, quantized: bool = False, every: int = 100) -> list[dict[str, Any]]:
    """Return evaluations with these mAPs."""
    return [
        {"step": every * number, "map": value, "map_50": min(value + 0.2, 1), "quantized": quantized}
        for number, value in enumerate(maps, 1)
    ]
