"""The entries of metrics.json: an artefact's detections held against the labels and against its checkpoint's.

    {"artefact": "tflite", "runtime": "ai-edge-litert 2.3.0", "map": 0.55, "map50": 0.83, "ar100": 0.61,
     "per_class": {"cat": 0.6, "unseen": null}, "size_bytes": 4725336, "ms_median": 7.9, "ms_p95": 8.4,
     "memory_bytes": 91234304, "memory_shared": false,
     "difference_points": -0.42, "same_boxes": 0.97,
     "limit_points": 1.5, "limit_either_way": false, "aim_points": 0.5, "verdict": "within",
     "rarest_class": {"name": "cat", "boxes": 41, "points_per_box": 0.61},
     "as_shipped": {"nms": "regular", "max_detections": 20, "map": 0.548}, "not_run": null}

`map`, `map50`, `ar100`, `per_class` and `same_boxes` go from 0 to 1; a point is a hundredth of mAP, and
`difference_points` is what the artefact has more than its checkpoint. `verdict` is "reference" (the checkpoint),
"within", "short_of_aim" (within its limit, not within its aim), "broken", "no_limit" or "not_run". Null are: the AP of
a class without test boxes, `memory_bytes` that nobody measured, `difference_points` and `same_boxes` without a
checkpoint beside it, `limit_points` and `aim_points` where there is none. `as_shipped` stands at the TFLite entry whose
post-processing is the shipped one: mAP with the fewer boxes an image that the shipped file gives. An artefact whose
runtime is missing has `not_run`, which says why, and null for every figure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.detections.detections_file import Header, ImageDetections, read_detections, to_pixels
from pipeline.errors import DataError
from pipeline.fidelity.agreement import Boxes, share_found_again, to_boxes
from pipeline.fidelity.limits import OF_OTHER_NMS, REFERENCE, Shipped, find_limit, judge
from pipeline.fidelity.truth import Truth
from pipeline.metrics import TestSplit
from pipeline.tolerance import ARTEFACTS, Tolerance

ORDER = (REFERENCE, *ARTEFACTS)
"""Artefacts in the order in which they are made; others follow by name."""

FIGURES = ("map", "map50", "ar100", "per_class", "ms_median", "ms_p95")


def make_entries(
    files: Sequence[Path], truth: Truth, *, shipped: Shipped, tolerance: Tolerance
) -> list[dict[str, Any]]:
    """Return the entries of some detections files, in the order in which the artefacts are made.

    Raises DataError for a file that does not answer for exactly the test images.
    """
    split = truth.split
    rarest = truth.find_rarest_class()
    entries = []
    boxes_of: dict[str, dict[str, Boxes]] = {}
    for path in files:
        header, images = _read_whole(path, truth)
        entry = _measure(header, images, split=split, truth=truth, shipped=shipped)
        entries.append(entry | {"rarest_class": rarest, "not_run": header.not_run})
        if header.not_run is None:
            boxes_of[header.artefact] = {image.source_id: to_boxes(image) for _, image in images}
    reference = next((entry for entry in entries if entry["artefact"] == REFERENCE), None)
    for entry in entries:
        entry |= _compare(entry, reference, boxes_of=boxes_of, shipped=shipped, tolerance=tolerance)
    return sorted(entries, key=lambda entry: (_order(entry["artefact"]), entry["artefact"]))


def _read_whole(path: Path, truth: Truth) -> tuple[Header, list[tuple[int, ImageDetections]]]:
    """Read the detections of every test image, each with the image's index."""
    index_of = {source_id: index for index, source_id in enumerate(truth.source_ids)}
    images = []
    try:
        header, found = read_detections(str(path))
        if header.not_run is not None:
            return header, []
        for image in found:
            if image.source_id not in index_of:
                raise DataError(f"{path}: {image.source_id!r} is none of the test images, or comes twice")
            images.append((index_of.pop(image.source_id), image))
    except ValueError as error:
        raise DataError(str(error)) from error
    if index_of:
        raise DataError(
            f"{path} has detections of {len(images)} of the {len(truth.source_ids)} test images;"
            f" missing: {', '.join(sorted(index_of)[:5])}",
            hint="make evaluate NAME=... runs the artefact again",
        )
    return header, images


def _measure(
    header: Header,
    images: Sequence[tuple[int, ImageDetections]],
    *,
    split: TestSplit,
    truth: Truth,
    shipped: Shipped,
) -> dict[str, Any]:
    """Return what an artefact scores by itself."""
    told = {"artefact": header.artefact, "runtime": header.runtime}
    cost = {
        "size_bytes": header.size_bytes,
        "memory_bytes": header.memory_bytes,
        "memory_shared": header.memory_shared,
    }
    if header.not_run is not None:
        return told | dict.fromkeys(FIGURES) | cost | {"size_bytes": header.size_bytes or None}
    found = split.evaluate(_to_rows(images, truth=truth))
    times = [image.ms for _, image in images]
    measured = {
        "map": found.map,
        "map50": found.map50,
        "ar100": found.ar100,
        "per_class": found.per_class,
        "ms_median": float(np.median(times)),
        "ms_p95": float(np.percentile(times, 95)),
    }
    if _is_shipped(header.artefact, shipped):
        fewer = split.evaluate(_to_rows(images, truth=truth, most=shipped.max_detections))
        measured["as_shipped"] = {
            "nms": shipped.nms,
            "max_detections": shipped.max_detections,
            "map": fewer.map,
        }
    return told | measured | cost


def _is_shipped(artefact: str, shipped: Shipped) -> bool:
    """Whether an entry is of the TFLite file with the post-processing that it ships with (`tflite` is regular)."""
    return artefact == "tflite" if shipped.nms == "regular" else OF_OTHER_NMS.get(artefact) == shipped.nms


def _to_rows(images: Sequence[tuple[int, ImageDetections]], *, truth: Truth, most: int | None = None) -> Any:
    """Turn shares of images into pixels, as TestSplit.evaluate takes them; `most` of each image, best first."""

    def rows() -> Iterator[list[float]]:
        for index, image in images:
            size = truth.images[index]
            for found in image.detections[:most]:
                xmin, ymin, xmax, ymax = to_pixels(found, size.width, size.height)
                yield [index, xmin, ymin, xmax - xmin, ymax - ymin, found.score, found.class_id]

    return np.array(list(rows()), dtype=np.float64)


def _compare(
    entry: dict[str, Any],
    reference: dict[str, Any] | None,
    *,
    boxes_of: dict[str, dict[str, Boxes]],
    shipped: Shipped,
    tolerance: Tolerance,
) -> dict[str, Any]:
    """Return what an artefact has more or less than its checkpoint, and whether that is within its limit."""
    name = entry["artefact"]
    limit = find_limit(name, shipped, tolerance)
    is_measured = entry["not_run"] is None
    difference = same = None
    if reference is not None and reference is not entry and is_measured:
        difference = (entry["map"] - reference["map"]) * 100
        same = share_found_again(boxes_of[REFERENCE], boxes_of[name])
    verdict = judge(difference, limit)
    if not is_measured:
        verdict = "not_run"
    elif name == REFERENCE:
        verdict = "reference"
    return {
        "difference_points": difference,
        "same_boxes": same,
        "limit_points": limit.points if limit else None,
        "limit_either_way": bool(limit and limit.either_way),
        "aim_points": limit.aim if limit else None,
        "verdict": verdict,
    }


def _order(artefact: str) -> int:
    return ORDER.index(artefact) if artefact in ORDER else len(ORDER)
