"""What a model sees of boxes, against every anchor tried by hand, and the advice for what it does not see."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.datasets.model import Box, Image
from pipeline.models import Preset, read_preset
from pipeline.models.anchors import find_anchors
from pipeline.models.visibility import measure_visibility
from pipeline.report.visibility import Seen


def make_images(sizes: list[tuple[int, int]], count: int = 5, seed: int = 0) -> list[Image]:
    """Draw images of these sizes with boxes of all sizes and shapes, some over the border's last pixel."""
    chance = random.Random(seed)
    images = []
    for number, (width, height) in enumerate(sizes):
        boxes = []
        for _ in range(count):
            wide, high = width * chance.random() ** 1.5, height * chance.random() ** 1.5
            x, y = (width - wide) * chance.random(), (height - high) * chance.random()
            boxes.append(Box(chance.choice("ab"), x, y, x + max(wide, 1), y + max(high, 1)))
        images.append(Image(Path(f"{number}.jpg"), f"{number}.jpg", width, height, tuple(boxes)))
    return images


def one_image(*boxes: tuple[float, float, float, float], width: int = 1000, height: int = 1000) -> list[Image]:
    return [Image(Path("a.jpg"), "a.jpg", width, height, tuple(Box("cat", *box) for box in boxes))]


def changed(preset: Preset, **resizer: Any) -> Preset:
    pipeline = preset.model_dump()["pipeline"]
    pipeline["model"][preset.architecture]["image_resizer"] = resizer
    return preset.model_copy(update={"pipeline": pipeline})


def best_by_hand(box: Box, image: Image, inside: tuple[int, int], whole: tuple[int, int], preset: Preset) -> float:
    """Try every anchor; `inside` and `whole` are (height, width) of the image in the input and of the input."""
    anchors = find_anchors(preset.pipeline, height=whole[0], width=whole[1])
    tried = np.concatenate([grid.to_boxes() for grid in anchors])
    if preset.architecture == "faster_rcnn":
        tried = tried[(tried[:, :2] >= -1e-9).all(axis=1) & (tried[:, 2:] <= 1 + 1e-9).all(axis=1)]
    down, across = inside[0] / whole[0] / image.height, inside[1] / whole[1] / image.width
    ymin, xmin, ymax, xmax = box.ymin * down, box.xmin * across, box.ymax * down, box.xmax * across
    high = np.maximum(np.minimum(tried[:, 2], ymax) - np.maximum(tried[:, 0], ymin), 0)
    wide = np.maximum(np.minimum(tried[:, 3], xmax) - np.maximum(tried[:, 1], xmin), 0)
    areas = (tried[:, 2] - tried[:, 0]) * (tried[:, 3] - tried[:, 1])
    return float((high * wide / (areas + (ymax - ymin) * (xmax - xmin) - high * wide)).max())


CASES = {
    "stretched": (
        read_preset("ssd_mobilenet_v2_quantized"), lambda width, height: ((300, 300), (300, 300))),
    "pyramid": (
        read_preset("ssd_mobilenet_v1_fpn"), lambda width, height: ((640, 640), (640, 640))),
    "shape kept": (
        read_preset("faster_rcnn_inception_v2"),
        lambda width, height: {(640, 480): ((600, 800),) * 2, (300, 900): ((1024, 341),) * 2,
                               (4000, 500): ((128, 1024),) * 2}[width, height]),
    "shape kept and padded": (
        changed(read_preset("ssd_mobilenet_v2"), keep_aspect_ratio_resizer={
            "min_dimension": 320, "max_dimension": 320, "pad_to_max_dimension": True}),
        lambda width, height: ({(640, 480): (240, 320), (300, 900): (320, 107),
                                (4000, 500): (40, 320)}[width, height], (320, 320))),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_matches_are_those_of_trying_every_anchor(case: str):
    preset, inside = CASES[case]
    images = make_images([(640, 480), (300, 900), (4000, 500)] * 6, count=12)
    expected = {"a": [0, 0, 0, 0], "b": [0, 0, 0, 0]}
    for image in images:
        at, whole = inside(image.width, image.height)
        for box in image.boxes:
            shorter = min((box.xmax - box.xmin) * at[1] / image.width, (box.ymax - box.ymin) * at[0] / image.height)
            best = best_by_hand(box, image, at, whole, preset)
            assert abs(best - 0.5) > 1e-6, "the drawn boxes leave no doubt"
            for place, fact in enumerate((True, best >= 0.5, shorter < 8, shorter < 16)):
                expected[box.label][place] += fact
    seen = measure_visibility(images, preset)
    assert seen.unknown is None
    assert seen.classes == {label: Seen(*counts) for label, counts in expected.items()}
    assert seen.total == Seen(*(sum(counts) for counts in zip(*expected.values(), strict=True)))
    assert 0 < seen.total.matched < seen.total.boxes, "both kinds were tried"


def test_a_box_that_is_an_anchor_is_matched_and_its_size_counted():
    seen = measure_visibility(one_image((400, 400, 600, 600)), read_preset("ssd_mobilenet_v2"))
    assert seen.total == Seen(1, 1, 0, 0)
    assert (seen.sizes.median_width, seen.sizes.median_height) == (pytest.approx(60), pytest.approx(60))
    assert seen.advice == ("Nothing: nearly all boxes are large enough, and have an anchor that matches them.",)


def test_small_boxes_in_small_photos_are_advised_a_bigger_input():
    boxes = [(x * 90.0, 100.0, x * 90.0 + 40, 140.0) for x in range(10)]
    seen = measure_visibility(one_image(*boxes), read_preset("ssd_mobilenet_v2_quantized"))
    assert seen.total == Seen(10, 0, 0, 10)
    assert seen.advice[0] == (
        "Small boxes: 100 % of the boxes have less than 16 pixels on their shorter side in the model's input "
        "(300x300 pixels); half of these have 12 or less."
    )
    assert seen.advice[1].startswith("A bigger input: MODEL=")
    assert "where half of them have" in seen.advice[1]


def test_small_boxes_in_large_photos_are_advised_tiles():
    boxes = [(x * 390.0, 1000.0, x * 390.0 + 50, 1050.0) for x in range(10)]
    images = one_image(*boxes, width=4000, height=4000)
    seen = measure_visibility(images, read_preset("ssd_mobilenet_v2_quantized"))
    assert seen.total == Seen(10, 0, 10, 10)
    assert seen.advice[1:] == (
        "A bigger input: no preset sees enough; half of them would have 16 pixels at 1280x1280, in a preset of your "
        "own: another image_resizer in a copy of pipeline/models/ssd_mobilenet_v2_quantized.yaml.",
        "Tiles: cut the photos into overlapping tiles of about 940x940 pixels, label and detect those; half of these "
        "boxes then have 16 pixels or more.",
        "Smaller anchors: 100 % of the boxes are smaller than any anchor, half of these smaller than 1.2 % of the "
        "input's side; the smallest anchor has 10 %. A bigger input alone does not change that, as these anchors grow "
        "with it; smaller scales do, or tiles.",
        "How to change anchors: scales and aspect_ratios of the anchor generator in a preset of your own, a copy of "
        "pipeline/models/ssd_mobilenet_v2_quantized.yaml.",
    )


def test_boxes_that_are_small_in_the_photo_itself_are_advised_closer_photos():
    seen = measure_visibility(one_image((10, 10, 15, 15)), read_preset("ssd_mobilenet_v2_quantized"))
    assert (
        "Closer photos: in the photos themselves half of them have 5 pixels or less, which no bigger input brings back."
        in seen.advice
    )


def test_elongated_boxes_are_advised_other_anchors():
    seen = measure_visibility(
        one_image((0, 400, 900, 480), (400, 0, 480, 900)), read_preset("ssd_mobilenet_v2_quantized")
    )
    assert seen.total == Seen(2, 0, 0, 0)
    assert seen.advice == (
        "Other anchors: 50 % of the boxes are wider than any anchor, half of these beyond an aspect ratio "
        "(width / height) of 11; the anchors' go from 0.33 to 3.",
        "Other anchors: 50 % of the boxes are taller than any anchor, half of these beyond an aspect ratio "
        "(width / height) of 0.089; the anchors' go from 0.33 to 3.",
        "How to change anchors: scales and aspect_ratios of the anchor generator in a preset of your own, a copy of "
        "pipeline/models/ssd_mobilenet_v2_quantized.yaml.",
    )


def test_without_boxes_there_is_nothing_to_say():
    for images in ([], one_image()):
        for name in ("ssd_mobilenet_v2", "faster_rcnn_inception_v2"):
            seen = measure_visibility(images, read_preset(name))
            assert (seen.total, seen.classes, seen.advice, seen.unknown) == (Seen(0, 0, 0, 0), {}, (), None)


def test_a_model_of_unknown_anchors_still_tells_sizes_and_why():
    preset = read_preset("ssd_mobilenet_v2")
    pipeline = preset.model_dump()["pipeline"]
    pipeline["model"]["ssd"]["feature_extractor"]["type"] = "ssd_pnasnet"
    seen = measure_visibility(one_image((0, 0, 10, 500)), preset.model_copy(update={"pipeline": pipeline}))
    assert seen.unknown == "its feature extractor is 'ssd_pnasnet', whose feature maps are not known here"
    assert seen.total == Seen(1, 0, 1, 1)


def test_a_model_of_unknown_input_says_why():
    seen = measure_visibility(one_image((0, 0, 10, 500)), changed(read_preset("ssd_mobilenet_v2"), identity_resizer={}))
    assert seen.unknown == "its image resizer is identity_resizer, of which only the API knows what it does"
    assert (seen.total.boxes, seen.classes) == (1, {})
