"""Read the test images' labelled boxes from the records that the detectors read, too."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.datasets.label_map import read_label_map
from pipeline.errors import DataError
from pipeline.metrics import TestSplit, TruthImage
from pipeline.records import read_examples


@dataclass(frozen=True, slots=True)
class Truth:
    """The test split: source ids and images in their order, the classes' names in the order of their ids."""

    source_ids: list[str]
    images: list[TruthImage]
    class_names: list[str]

    @property
    def split(self) -> TestSplit:
        """The images, ready to be compared with; raises DataError where there is no box to find."""
        return TestSplit(self.images, class_names=self.class_names)

    def find_rarest_class(self) -> dict[str, str | int | float]:
        """Return the class with the fewest test boxes, and how many mAP points one of them weighs at most.

        Finding one box more or less moves that class's AP by up to 1/boxes, and mAP by that over the classes that
        have test boxes.
        """
        counts: dict[int, int] = {}
        for image in self.images:
            for class_id, ignored in zip(image.class_ids, image.ignored, strict=True):
                if not ignored:
                    counts[class_id] = counts.get(class_id, 0) + 1
        class_id = min(counts, key=lambda one: (counts[one], one))
        boxes = counts[class_id]
        return {
            "name": self.class_names[class_id - 1],
            "boxes": boxes,
            "points_per_box": round(100 / len(counts) / boxes, 4),
        }


def read_records(records_dir: Path) -> Truth:
    """Read the test records of a folder and its label map; raises DataError as read_truth does."""
    source_ids, images = read_truth(records_dir)
    return Truth(source_ids, images, read_label_map(records_dir / "label_map.pbtxt"))


def read_truth(records_dir: Path) -> tuple[list[str], list[TruthImage]]:
    """Read source ids and labelled boxes of the test records, in their order.

    Raises DataError where there are none, or where two images have one source id.
    """
    paths = sorted(records_dir.glob("test.record-*"))
    if not paths:
        raise DataError(f"there are no test records (test.record-*) in {records_dir}", hint="make records DATASET=...")
    source_ids, images = [], []
    for path in paths:
        for example in read_examples(path):
            size = np.array([example.width, example.height] * 2)
            source_ids.append(example.source_id)
            images.append(
                TruthImage(
                    width=example.width,
                    height=example.height,
                    boxes=np.array(example.boxes, dtype=np.float64).reshape(-1, 4) * size,
                    class_ids=list(example.class_ids),
                    ignored=list(example.difficult),
                )
            )
    if len(set(source_ids)) < len(source_ids):
        twice = sorted({name for name in source_ids if source_ids.count(name) > 1})
        raise DataError(f"{records_dir}: test records repeat image/source_id {twice[0]!r}; it must be unique")
    return source_ids, images
