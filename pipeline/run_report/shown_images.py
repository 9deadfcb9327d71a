"""Which test images the report shows, the worst, typical ones and the best, with their labels and detections.

Only these are read a second time: the others' pictures never stay in memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.detections.detections_file import read_detections, to_pixels
from pipeline.records import read_examples
from pipeline.report.sample_grid import shrink_picture
from pipeline.run_report.figures import ImageFigures
from pipeline.run_report.matches import Matches, TruthOfImage, find_test_records, to_truth
from pipeline.run_report.matching import IGNORED, RIGHT, Numbers
from pipeline.run_report.run_data import RunData

EACH = 6
"""Images of each kind: 18 small pictures are about a megabyte."""


@dataclass(frozen=True, slots=True)
class ShownImage:
    """A test image to show. Boxes are shares of it, (xmin, ymin, xmax, ymax); detections are those from the threshold
    on, `right` marks those that found a label, `found` the labels that were found."""

    name: str
    picture: bytes
    truth: TruthOfImage
    found: NDArray[np.bool_]
    boxes: Numbers
    class_ids: NDArray[np.int32]
    scores: Numbers
    right: NDArray[np.bool_]
    ignored: NDArray[np.bool_]


def choose_images(
    images: Sequence[ImageFigures], names: Sequence[str], *, each: int = EACH
) -> dict[str, list[ImageFigures]]:
    """Choose images by their F1: worst, typical (around the middle) and best; none is in two of these.

    The same figures give the same choice, whatever the order of the images.
    """
    ordered = sorted(images, key=lambda one: (one.f1, -(one.missed + one.wrong), names[one.number]))
    worst = [one for one in ordered if one.missed or one.wrong][:each]
    taken = {one.number for one in worst}
    # Of those that are right, many objects say more than one
    fine = [one for one in ordered if one.number not in taken and not one.missed and not one.wrong and one.found]
    best = sorted(fine, key=lambda one: (-one.found, names[one.number]))[:each]
    taken |= {one.number for one in best}
    rest = [one for one in ordered if one.number not in taken and (one.found or one.missed or one.wrong)]
    middle = max((len(rest) - each) // 2, 0)
    return {"worst": worst, "typical": rest[middle : middle + each], "best": best}


def show_images(data: RunData, *, records_dir: Path) -> dict[str, list[ShownImage]]:
    """Choose the test images of a run to show, and read them; none of a run that was not evaluated."""
    scored, detections = data.scored, data.files.detections
    if scored is None or detections is None:
        return {}
    chosen = choose_images(scored.figures.images, scored.matches.names)
    shown = read_shown_images(
        [one.number for group in chosen.values() for one in group],
        scored.matches,
        records_dir=records_dir,
        detections_file=detections,
        threshold=scored.figures.threshold,
    )
    return {key: [shown[one.number] for one in group if one.number in shown] for key, group in chosen.items()}


def read_shown_images(
    chosen: Sequence[int], matches: Matches, *, records_dir: Path, detections_file: Path, threshold: float
) -> dict[int, ShownImage]:
    """Read the chosen images, by number, with what was found in them. One that cannot be decoded is left out."""
    wanted = {matches.names[number]: number for number in chosen}
    truths: dict[str, tuple[TruthOfImage, bytes]] = {}
    for path in find_test_records(records_dir):
        for example in read_examples(path):
            if example.source_id in wanted and (picture := _shrink(example.encoded, example.width, example.height)):
                truths[example.source_id] = to_truth(wanted[example.source_id], example), picture
    _, images = read_detections(str(detections_file))
    shown = {}
    for image in images:
        if image.source_id not in truths:
            continue
        truth, picture = truths[image.source_id]
        rows = np.array(
            [(*to_pixels(one, 1, 1), one.score, one.class_id) for one in image.detections if one.score >= threshold],
            dtype=np.float64,
        ).reshape(-1, 6)
        shown[truth.number] = _to_shown(image.source_id, picture, truth, rows)
    return shown


def _to_shown(name: str, picture: bytes, truth: TruthOfImage, rows: Numbers) -> ShownImage:
    matched = truth.match(rows)
    return ShownImage(
        name=name,
        picture=picture,
        truth=truth,
        found=matched.found >= 0,
        boxes=rows[:, :4],
        class_ids=rows[:, 5].astype(np.int32),
        scores=rows[:, 4],
        right=matched.kinds == RIGHT,
        ignored=matched.kinds == IGNORED,
    )


def _shrink(content: bytes, width: int, height: int) -> bytes | None:
    try:
        return shrink_picture(content, width=width, height=height)
    except Exception:  # Pillow raises almost anything; the check has told of broken images
        return None


def describe_errors(image: ShownImage, names: Mapping[int, str]) -> tuple[list[str], list[str]]:
    """Return what was missed and what is wrong in an image, by class, in words."""
    missed = ~image.found & ~image.truth.ignored
    wrong = ~image.right & ~image.ignored
    return (
        [names.get(int(one), f"class {one}") for one in image.truth.class_ids[missed]],
        [
            f"{names.get(int(one), f'class {one}')} {score:.2f}"
            for one, score in zip(image.class_ids[wrong], image.scores[wrong], strict=True)
        ],
    )
