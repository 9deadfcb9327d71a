"""All test images of a run matched with what one artefact found in them, in columns: 40 bytes a box, no pictures.

Images are read one by one: ten thousand of them take no more memory than their boxes do.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.datasets.label_map import read_label_map
from pipeline.detections.detections_file import read_detections, to_pixels
from pipeline.errors import DataError
from pipeline.records import Example, read_examples
from pipeline.run_report.matching import ImageMatches, Numbers, match_image


@dataclass(frozen=True, slots=True)
class Labels:
    """The labelled boxes of the test images. Sizes are in pixels of the photos, and in shares of them.

    `found`, `confused`, `confused_with`, `poor`: see ImageMatches.
    """

    images: NDArray[np.int32]
    class_ids: NDArray[np.int32]
    ignored: NDArray[np.bool_]
    widths_norm: Numbers
    heights_norm: Numbers
    widths_px: Numbers
    heights_px: Numbers
    found: Numbers
    confused: Numbers
    confused_with: NDArray[np.int32]
    poor: Numbers


@dataclass(frozen=True, slots=True)
class Detected:
    """What was found: the image, the class, the score, one of matching.KINDS, and the row in Labels (-1: none)."""

    images: NDArray[np.int32]
    class_ids: NDArray[np.int32]
    scores: Numbers
    kinds: NDArray[np.int8]
    labels: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Matches:
    """One artefact on the test images. `names` are the images' source ids, `class_names` begin with id 1."""

    artefact: str
    names: tuple[str, ...]
    sizes_px: tuple[tuple[int, int], ...]
    class_names: tuple[str, ...]
    labels: Labels
    detected: Detected


@dataclass(frozen=True, slots=True)
class TruthOfImage:
    """The labels of one test image: boxes in shares of it, as (xmin, ymin, xmax, ymax)."""

    number: int
    width: int
    height: int
    boxes: Numbers
    class_ids: NDArray[np.int32]
    ignored: NDArray[np.bool_]

    def match(self, found: Numbers) -> ImageMatches:
        """Match rows of detections, [n, 6] of (xmin, ymin, xmax, ymax, score, class id) in the unit of `boxes`."""
        return match_image(
            boxes=self.boxes,
            class_ids=self.class_ids,
            ignored=self.ignored,
            found_boxes=found[:, :4],
            found_classes=found[:, 5].astype(np.int32),
            scores=found[:, 4],
        )


def find_test_records(records_dir: Path) -> list[Path]:
    """Find the shards of the test split. Raises DataError when there is none."""
    paths = sorted(records_dir.glob("test.record-*"))
    if not paths:
        raise DataError(f"there are no test records (test.record-*) in {records_dir}", hint="make records DATASET=...")
    return paths


def to_truth(number: int, example: Example) -> TruthOfImage:
    """Keep of a record what is to be found."""
    return TruthOfImage(
        number,
        example.width,
        example.height,
        np.array(example.boxes, dtype=np.float64).reshape(-1, 4),
        np.array(example.class_ids, dtype=np.int32),
        np.array(example.difficult, dtype=np.bool_),
    )


def match_detections(
    records_dir: Path,
    detections_file: Path,
    *,
    sizes_px: Mapping[str, tuple[int, int]] | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> Matches:
    """Match a detections file with the test records; `progress` is told the images done.

    `sizes_px` are the (width, height) of the photos before they were made smaller for the records, by source id.
    Raises DataError where the file does not answer for exactly these images.
    """
    truth = {
        example.source_id: to_truth(number, example)
        for number, example in enumerate(
            example for path in find_test_records(records_dir) for example in read_examples(path)
        )
    }
    class_names = tuple(read_label_map(records_dir / "label_map.pbtxt"))
    columns = MatchColumns()
    done = set()
    try:
        header, images = read_detections(str(detections_file))
        for image in images:
            one = truth.get(image.source_id)
            if one is None or image.source_id in done:
                raise DataError(f"{detections_file}: {image.source_id!r} is none of the test images, or comes twice")
            done.add(image.source_id)
            rows = [(*to_pixels(found, 1, 1), found.score, found.class_id) for found in image.detections]
            width, height = (sizes_px or {}).get(image.source_id, (one.width, one.height))
            columns.add(one, np.array(rows, dtype=np.float64).reshape(-1, 6), width=width, height=height)
            progress(len(done))
    except ValueError as error:
        raise DataError(str(error)) from error
    if len(done) < len(truth):
        raise DataError(
            f"{detections_file} has detections of {len(done)} of the {len(truth)} test images",
            hint="make evaluate NAME=... runs the artefact again",
        )
    sizes = tuple((one.width, one.height) for one in truth.values())
    return columns.to_matches(header.artefact, tuple(truth), sizes, class_names)


class MatchColumns:
    """Boxes appended image by image, whatever the order of the images."""

    def __init__(self) -> None:
        self._labels = {name: array("d") for name in Labels.__slots__}
        self._detected = {name: array("d") for name in Detected.__slots__}
        self._rows = 0

    def add(self, truth: TruthOfImage, found: Numbers, *, width: int, height: int) -> None:
        # IoU is the same in shares and in pixels: both sides are scaled alike
        matches = truth.match(found)
        sides = truth.boxes[:, 2:] - truth.boxes[:, :2]
        count = len(truth.boxes)
        for name, values in (
            ("images", np.full(count, truth.number)),
            ("class_ids", truth.class_ids),
            ("ignored", truth.ignored),
            ("widths_norm", sides[:, 0]),
            ("heights_norm", sides[:, 1]),
            ("widths_px", sides[:, 0] * width),
            ("heights_px", sides[:, 1] * height),
            ("found", matches.found),
            ("confused", matches.confused),
            ("confused_with", matches.confused_with),
            ("poor", matches.poor),
        ):
            self._labels[name].frombytes(values.astype(np.float64).tobytes())
        targets = np.where(matches.labels >= 0, matches.labels + self._rows, -1)
        for name, values in (
            ("images", np.full(len(found), truth.number)),
            ("class_ids", found[:, 5]),
            ("scores", found[:, 4]),
            ("kinds", matches.kinds),
            ("labels", targets),
        ):
            self._detected[name].frombytes(values.astype(np.float64).tobytes())
        self._rows += count

    def to_matches(
        self,
        artefact: str,
        names: tuple[str, ...],
        sizes: tuple[tuple[int, int], ...],
        class_names: tuple[str, ...],
    ) -> Matches:
        integers = {"images", "class_ids", "confused_with", "labels"}
        kinds: dict[str, type] = {"ignored": np.bool_, "kinds": np.int8} | dict.fromkeys(integers, np.int32)

        def convert(columns: dict[str, array[float]]) -> dict[str, Any]:
            return {
                name: np.frombuffer(column, dtype=np.float64).astype(kinds.get(name, np.float64))
                for name, column in columns.items()
            }

        return Matches(
            artefact, names, sizes, class_names, Labels(**convert(self._labels)), Detected(**convert(self._detected))
        )
