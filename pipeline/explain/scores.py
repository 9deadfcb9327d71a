"""The mAP of several answers on the same test images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from pipeline.datasets.label_map import read_label_map
from pipeline.detections.detections_file import Detection, read_detections, to_pixels
from pipeline.errors import DataError
from pipeline.explain.chosen_images import find_records
from pipeline.metrics import TestSplit, TruthImage
from pipeline.records import read_examples


class Scorer:
    """The labelled boxes of some test images, compared with one answer after another."""

    def __init__(self, records_dir: Path, source_ids: Sequence[str]) -> None:
        """Read the truth of these images; raises DataError where none of them has a box to find."""
        wanted = {source_id: index for index, source_id in enumerate(source_ids)}
        truth: dict[int, TruthImage] = {}
        for path in find_records(records_dir):
            for example in read_examples(path):
                if example.source_id in wanted:
                    size = np.array([example.width, example.height] * 2)
                    truth[wanted[example.source_id]] = TruthImage(
                        width=example.width,
                        height=example.height,
                        boxes=np.array(example.boxes, dtype=np.float64).reshape(-1, 4) * size,
                        class_ids=list(example.class_ids),
                        ignored=list(example.difficult),
                    )
        self._wanted = wanted
        self._truth = [truth[index] for index in range(len(wanted))]
        self._split = TestSplit(self._truth, class_names=read_label_map(records_dir / "label_map.pbtxt"))

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """The (height, width) of each image, in the order of the source ids."""
        return [(one.height, one.width) for one in self._truth]

    def score_file(self, path: Path) -> float | None:
        """Return the mAP, from 0 to 1, of a detections file; None when it does not answer for all the images.

        Images that it has beside are left out. Raises DataError for a file that is broken.
        """
        found: dict[int, Sequence[Detection]] = {}
        try:
            for image in read_detections(str(path))[1]:
                index = self._wanted.get(image.source_id)
                if index is not None:
                    found[index] = image.detections
        except ValueError as error:
            raise DataError(str(error)) from error
        if len(found) < len(self._wanted):
            return None
        return self.score(found[index] for index in range(len(found)))

    def score(self, images: Iterable[Sequence[Detection]]) -> float:
        """Return the mAP, from 0 to 1, of what was found on each image, in the order of the source ids."""
        rows: list[list[float]] = []
        for index, (size, detections) in enumerate(zip(self._truth, images, strict=True)):
            for found in detections:
                xmin, ymin, xmax, ymax = to_pixels(found, size.width, size.height)
                rows.append([index, xmin, ymin, xmax - xmin, ymax - ymin, found.score, found.class_id])
        return self._split.evaluate(np.array(rows, dtype=np.float64)).map
