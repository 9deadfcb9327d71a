"""COCO's detection metrics, for every artefact the same code.

Computed by hotcoco (a Rust port of pycocotools; tests compare the twelve figures of both).
Definitions: https://cocodataset.org/#detection-eval
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import hotcoco
import numpy as np
import numpy.typing as npt

from pipeline.errors import DataError

Rows = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TruthImage:
    """One test image's size and labelled boxes, in pixels.

    `boxes` is [n, 4] of (xmin, ymin, xmax, ymax); `ignored` marks difficult and crowd boxes: finding
    one is neither right nor wrong, missing it costs nothing.
    """

    width: int
    height: int
    boxes: Rows
    class_ids: Sequence[int]
    ignored: Sequence[bool]


@dataclass(frozen=True, slots=True)
class Metrics:
    """The figures of one artefact, each from 0 to 1.

    `summary` holds COCO's twelve (AP, AP50, AP75, APs, APm, APl, AR1, AR10, AR100, ARs, ARm, ARl; -1
    where there is nothing of that size). `per_class` is AP by name, None for a class without test
    boxes: such a class counts in no mean.
    """

    map: float
    map50: float
    ar100: float
    per_class: dict[str, float | None]
    summary: dict[str, float]


class TestSplit:
    """The labelled boxes of the test images, prepared once and compared with every artefact's detections."""

    __test__ = False  # not a test class, whatever pytest reads in the name

    def __init__(self, images: Sequence[TruthImage], *, class_names: Sequence[str]) -> None:
        """Take the images and the classes' names in the order of their ids, which start at 1.

        Raises DataError where there is no box to find.
        """
        self._class_names = list(class_names)
        if not any(not ignored for image in images for ignored in image.ignored):
            raise DataError(
                f"the test split has no boxes to find: {len(images)} images, every box difficult or none at all",
                hint="label boxes in test images, or raise --test-fraction and make the dataset stage again",
            )
        self._truth = hotcoco.COCO(_to_coco(images, class_names=self._class_names))

    def evaluate(self, detections: Rows) -> Metrics:
        """Compare rows [image index, xmin, ymin, width, height, score, class id] with the truth.

        Pixels; image indexes count from 0 in the order of the truth, at most 100 rows an image count.
        """
        rows = np.array(detections, dtype=np.float64).reshape(-1, 7)
        rows[:, 0] += 1
        evaluation = hotcoco.COCOeval(self._truth, self._truth.load_res(rows), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()  # prints COCO's twelve lines, which a job keeps in its log
        summary = {key: float(value) for key, value in evaluation.get_results().items()}
        return Metrics(
            map=summary["AP"],
            map50=summary["AP50"],
            ar100=summary["AR100"],
            per_class=_per_class(evaluation, class_names=self._class_names),
            summary=summary,
        )


def _per_class(evaluation: hotcoco.COCOeval, *, class_names: Sequence[str]) -> dict[str, float | None]:
    assert evaluation.eval is not None  # accumulate() has run
    precision = evaluation.eval["precision"][:, :, :, 0, -1]  # [IoU, recall, class], all areas, 100 detections
    averages: dict[str, float | None] = {}
    for number, name in enumerate(class_names):
        known = precision[:, :, number][precision[:, :, number] > -1]
        averages[name] = float(known.mean()) if known.size else None
    return averages


def _to_coco(images: Sequence[TruthImage], *, class_names: Sequence[str]) -> dict[str, Any]:
    """Write the truth as COCO does: ids from 1, boxes as x, y, width, height; ignored boxes are crowds."""
    annotations: list[dict[str, Any]] = []
    for image_id, image in enumerate(images, 1):
        for box, class_id, ignored in zip(image.boxes.tolist(), image.class_ids, image.ignored, strict=True):
            xmin, ymin, xmax, ymax = box
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": class_id,
                    "bbox": [xmin, ymin, xmax - xmin, ymax - ymin],
                    "area": (xmax - xmin) * (ymax - ymin),
                    "iscrowd": int(ignored),
                }
            )
    return {
        "images": [
            {"id": number, "width": image.width, "height": image.height, "file_name": str(number)}
            for number, image in enumerate(images, 1)
        ],
        "categories": [{"id": number, "name": name} for number, name in enumerate(class_names, 1)],
        "annotations": annotations,
    }
