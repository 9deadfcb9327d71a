"""What is lost after the network: the artefact's own post-processing beside others, and beside the checkpoint's.

An artefact's raw outputs lie in artefact/raw-000.npz, ..., one an image: `encodings` [n, 4] and `scores` [n, classes],
or with the background before them; of an artefact that resizes by itself also `covered`, the share of its input's
height and width that the image takes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.detections.detections_file import MAX_DETECTIONS, Detection
from pipeline.detections.resize import fit_sides
from pipeline.errors import DataError
from pipeline.explain.checkpoint_nms import SCALES, decode_boxes, suppress
from pipeline.explain.findings import Found, make_finding, make_step

WORTH = 0.5
"""Points of mAP below which a difference is not looked for: a few boxes of a test split move it so far."""
UNEXPLAINED = 1.0
"""The same where no option explains it: 8-bit scores have ties, and who comes first among equals is chance."""


def read_iou_threshold(config: Path) -> float:
    """Read the overlap at which the checkpoint suppresses a box; raises DataError where its config says none."""
    text = config.read_text(encoding="utf-8") if config.is_file() else ""
    found = re.search(r"batch_non_max_suppression\s*\{[^}]*?iou_threshold:\s*([0-9.eE+-]+)", text)
    if found is None:
        raise DataError(
            f"{config} names no iou_threshold of batch_non_max_suppression", hint="make freeze NAME=... writes it again"
        )
    return float(found[1])


def suppress_as_checkpoint(
    artefact_dir: Path, told: Mapping[str, Any], sizes: Sequence[tuple[int, int]]
) -> Iterator[list[Detection]]:
    """Yield what the checkpoint's own post-processing makes of the raw outputs of each image.

    `sizes` are the images' (height, width): a letterboxed one does not cover the whole input.
    """
    with np.load(artefact_dir / "weights.npz") as stored:
        anchors = stored["anchors"]
    image_input, classes = told["input"], told["post_process"]["num_classes"]
    whole = np.array([image_input["height"], image_input["width"]], np.float32)
    for number, size in enumerate(sizes):
        with np.load(artefact_dir / f"raw-{number:03}.npz") as stored:
            encodings, scores = stored["encodings"], stored["scores"]
            covered = stored.get("covered")
        if covered is None:
            covered = np.array(fit_sides(size, **image_input), np.float32) / whole
        boxes = decode_boxes(encodings, anchors, read_scales(told)) / np.tile(covered, 2)
        yield suppress(boxes, scores[:, -classes:], iou_threshold=told["iou_threshold"])


def read_scales(told: Mapping[str, Any]) -> tuple[float, float, float, float]:
    """Return what the artefact divides box codes by: y, x, height, width."""
    y, x, height, width = told.get("box_scales", SCALES)
    return y, x, height, width


def judge_post_processing(scores: Mapping[str, float], told: Mapping[str, Any], name: str) -> Found:
    """Swap the suppression, give more boxes, and take the checkpoint's own post-processing of the raw outputs.

    `scores` need not have `other_nms` and `more_boxes`: a TensorFlow.js build has but one suppression.
    """
    options = told["post_process"]
    shipped = 100 * scores["shipped"]
    more = 100 * scores.get("more_boxes", scores["shipped"])
    other = 100 * scores["other_nms"] if "other_nms" in scores else more
    lost = 100 * scores["checkpoint_nms"] - shipped
    kind, swapped = ("regular", "fast") if options["regular_nms"] else ("fast", "regular")
    tried = [f"the checkpoint's own post-processing {lost:+.1f} points"]
    if "other_nms" in scores:
        tried.insert(0, f"{swapped} NMS {other - more:+.1f}")
    if options["max_detections"] < MAX_DETECTIONS:
        tried.insert(0, f"{MAX_DETECTIONS} boxes {more - shipped:+.1f}")
    text = f"{kind} NMS, {options['max_detections']} boxes; instead: {', '.join(tried)}"
    findings = []
    if not options["regular_nms"] and other - more > WORTH:
        findings.append(make_finding(
            "post_processing", "fast_nms",
            f"fast NMS loses {other - more:.1f} points: it keeps one class of each box and suppresses over all classes",
            f"make export NAME={name} NMS=regular", points=other - more,
        ))  # fmt: skip
    if more - shipped > WORTH:
        findings.append(make_finding(
            "post_processing", "few_boxes",
            f"the file gives {options['max_detections']} boxes an image, and {more - shipped:.1f} points lie in the "
            "others", f"make export NAME={name} MAX_DETECTIONS=100; each box costs time", points=more - shipped,
        ))  # fmt: skip
    rest = 100 * scores["checkpoint_nms"] - (more if options["regular_nms"] else other)
    if rest > WORTH:
        findings += _judge_thresholds(options, told, rest, name)
    return make_step("post_processing", text, findings, points=lost)


def _judge_thresholds(options: Mapping[str, Any], told: Mapping[str, Any], rest: float, name: str) -> list[Found]:
    """Say what else the file's post-processing does otherwise than the checkpoint's: nothing, where it is little."""
    if options["score_threshold"] > 1e-3:
        kind = "score_threshold"
        cause = f"the file drops what scores below {options['score_threshold']:.2g}, and {rest:.1f} points with it"
    elif abs(options["iou_threshold"] - told["iou_threshold"]) > 0.01:
        kind = "iou_threshold"
        cause = (
            f"the file suppresses at an overlap of {options['iou_threshold']:.2g}, the checkpoint at "
            f"{told['iou_threshold']:.2g}: {rest:.1f} points"
        )
    elif rest > UNEXPLAINED:
        kind, cause = "unknown", f"the post-processing in the file loses {rest:.1f} points in another way"
    else:
        return []
    return [make_finding("post_processing", kind, cause, f"convert it again: make export NAME={name}", points=rest)]
