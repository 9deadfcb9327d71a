"""The same 100 images and 273 boxes in seven formats read to the same boxes.

All seven were written from one list of numbers, say 174, 101, 349, 351. Pascal VOC counts pixels from 1 and includes
the last, so its reader begins a pixel earlier: 173, 100, 349, 351. For the others the numbers are edges, as their
documents say (COCO: "0-indexed", from the image's corner; the rest draw between pixels or in shares of the image), so
their boxes begin at 174, 101. That pixel is the data's, not the readers'. Apart from it they may differ by what they
round: CVAT to 0.01 px, YOLO to six decimals of the image's size, OpenImages to ten.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.datasets.formats.registry import FORMATS, identify_format, read_dataset
from pipeline.datasets.model import Dataset
from pipeline.datasets.problems import Problems
from tests.project import shared_data

LAYOUTS = {
    # name: format, folder in voc100, where it goes, where the images go
    "pascal_voc": ("voc", "pascalvoc_format", "Annotations", "JPEGImages"),
    "coco_v1": ("coco", "coco_format_v1", "annotations", "images"),
    "coco_v2": ("coco", "coco_format_v2", "", "images"),
    "yolo": ("yolo", "yolo_format", "", "obj_train_data"),
    "cvat": ("cvat", "cvat_format", "", "images"),
    "labelme": ("labelme", "labelme_format", "", "images"),
    "openimages": ("openimages", "openimages_format", "", "images"),
}
TOLERANCE_PX = {"yolo": 0.001, "cvat": 0.01, "openimages": 1e-6}
FIRST_PIXEL = 1

Edges = tuple[float, float, float, float]


def assemble(root: Path, name: str) -> Path:
    """Copy one of the seven forms with its images, in the folders that exports of it have."""
    _, form, annotations, images = LAYOUTS[name]
    shutil.copytree(shared_data() / "voc100" / form, root / annotations, dirs_exist_ok=True)
    (root / images).mkdir(parents=True, exist_ok=True)
    for image in (shared_data() / "voc100" / "images").iterdir():
        try:
            os.link(image, root / images / image.name)
        except OSError:
            shutil.copyfile(image, root / images / image.name)
    return root


def to_boxes(dataset: Dataset) -> dict[str, list[tuple[str, Edges]]]:
    return {
        image.name: sorted((box.label, (box.xmin, box.ymin, box.xmax, box.ymax)) for box in image.boxes)
        for image in dataset.images
    }


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[tuple[str, Edges]]]]:
    root = assemble(tmp_path_factory.mktemp("voc100") / "pascal_voc", "pascal_voc")
    boxes = to_boxes(read_dataset(root, problems=Problems()))
    assert (len(boxes), sum(map(len, boxes.values()))) == (100, 273)
    yield boxes


@pytest.mark.parametrize("name", LAYOUTS)
def test_all_seven_forms_have_the_same_boxes(
    name: str, tmp_path: Path, reference: dict[str, list[tuple[str, Edges]]]
) -> None:
    format_name = LAYOUTS[name][0]
    assert format_name in FORMATS
    root = assemble(tmp_path / name, name)
    assert identify_format(root) == format_name
    problems = Problems()
    found = to_boxes(read_dataset(root, problems=problems))
    assert found.keys() == reference.keys()
    shift = 0 if name == "pascal_voc" else FIRST_PIXEL
    tolerance = TOLERANCE_PX.get(name, 0)
    for image, boxes in reference.items():
        wanted = [(label, (xmin + shift, ymin + shift, xmax, ymax)) for label, (xmin, ymin, xmax, ymax) in boxes]
        assert [label for label, _ in found[image]] == [label for label, _ in wanted]
        for (_, edges), (_, exact) in zip(found[image], wanted, strict=True):
            assert edges == pytest.approx(exact, abs=tolerance, rel=0), image
    assert problems.refused == 0


def test_the_thirteen_yolo_boxes_that_overflow_by_a_millionth_are_clipped_and_counted(tmp_path: Path) -> None:
    problems = Problems()
    read_dataset(assemble(tmp_path / "yolo", "yolo"), problems=problems)
    assert problems.counts["box_clipped"] == 13
