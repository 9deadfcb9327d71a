"""Compare every artefact's detections with the test split's labels: the figures and the table at the end.

    python -m pipeline.jobs.evaluate --records-dir input/tf_records/cats \\
        --detections-dir output/cats/detections/tensorflow --detections-dir output/cats/detections/tflite \\
        --metrics-file output/cats/evaluation/metrics.json

metrics.json is a list, one entry an artefact:
    {"artefact": "tflite", "runtime": "ai-edge-litert 2.3.0", "map": 0.55, "map50": 0.83, "ar100": 0.61,
     "ms_median": 7.9, "ms_p95": 8.4, "size_bytes": 4725336, "per_class": {"cat": 0.6, "unseen": null}}
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.datasets.label_map import read_label_map
from pipeline.detections.detections_file import ImageDetections, read_detections, to_pixels
from pipeline.errors import DataError
from pipeline.jobs import run
from pipeline.metrics import Metrics, TestSplit, TruthImage
from pipeline.records import read_examples
from pipeline.report.artefact_table import render_artefact_table
from pipeline.report.screen import say

ORDER = ("checkpoint", "frozen_graph", "saved_model", "tflite", "edgetpu", "tfjs", "tfjs_fast")
"""Artefacts in the order in which they are made; others follow by name."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse flags, write metrics.json, show the table."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.jobs.evaluate", description=__doc__.splitlines()[0])
    parser.add_argument("--records-dir", type=Path, required=True)
    parser.add_argument("--detections-dir", type=Path, required=True, action="append", help="may be given repeatedly")
    parser.add_argument("--metrics-file", type=Path, required=True)
    flags = parser.parse_args(arguments)
    files = find_detections_files(flags.detections_dir)
    metrics = evaluate(flags.records_dir, files)
    flags.metrics_file.parent.mkdir(parents=True, exist_ok=True)
    flags.metrics_file.write_text(json.dumps(metrics, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    say(render_artefact_table(metrics))


def find_detections_files(folders: Sequence[Path]) -> list[Path]:
    """Find the detections files of some folders; raises DataError when there is none at all."""
    files = [path for folder in folders for path in sorted(folder.glob("*.jsonl"))]
    if not files:
        raise DataError(
            f"there are no detections (*.jsonl) in {', '.join(map(str, folders))}",
            hint="make evaluate NAME=... runs the artefacts first",
        )
    return files


def evaluate(records_dir: Path, files: Sequence[Path]) -> list[dict[str, Any]]:
    """Compute the entries of metrics.json, in the order in which the artefacts are made.

    Raises DataError for a detections file that does not answer for exactly the test images.
    """
    source_ids, images = read_truth(records_dir)
    split = TestSplit(images, class_names=_read_class_names(records_dir))
    entries = [_evaluate_file(path, split, source_ids=source_ids, images=images) for path in files]
    return sorted(entries, key=lambda entry: (_order(entry["artefact"]), entry["artefact"]))


def read_truth(records_dir: Path) -> tuple[list[str], list[TruthImage]]:
    """Read source ids and labelled boxes of the test records, in their order."""
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


def _read_class_names(records_dir: Path) -> list[str]:
    return read_label_map(records_dir / "label_map.pbtxt")


def _evaluate_file(
    path: Path, split: TestSplit, *, source_ids: Sequence[str], images: Sequence[TruthImage]
) -> dict[str, Any]:
    index_of = {source_id: index for index, source_id in enumerate(source_ids)}
    rows: list[list[float]] = []
    times = []
    try:
        header, found = read_detections(str(path))
        for image in found:
            if image.source_id not in index_of:
                raise DataError(f"{path}: {image.source_id!r} is none of the test images, or comes twice")
            index = index_of.pop(image.source_id)
            rows += _to_rows(image, index=index, width=images[index].width, height=images[index].height)
            times.append(image.ms)
    except ValueError as error:
        raise DataError(str(error)) from error
    if index_of:
        raise DataError(
            f"{path} has detections of {len(source_ids) - len(index_of)} of the {len(source_ids)} test images;"
            f" missing: {', '.join(sorted(index_of)[:5])}",
            hint="make evaluate NAME=... runs the artefact again",
        )
    metrics: Metrics = split.evaluate(np.array(rows, dtype=np.float64))
    return {
        "artefact": header.artefact,
        "runtime": header.runtime,
        "map": metrics.map,
        "map50": metrics.map50,
        "ar100": metrics.ar100,
        "ms_median": float(np.median(times)),
        "ms_p95": float(np.percentile(times, 95)),
        "size_bytes": header.size_bytes,
        "per_class": metrics.per_class,
    }


def _to_rows(image: ImageDetections, *, index: int, width: int, height: int) -> Iterator[list[float]]:
    """Turn shares of the image into pixels, as TestSplit.evaluate takes them."""
    for found in image.detections:
        xmin, ymin, xmax, ymax = to_pixels(found, width, height)
        yield [index, xmin, ymin, xmax - xmin, ymax - ymin, found.score, found.class_id]


def _order(artefact: str) -> int:
    return ORDER.index(artefact) if artefact in ORDER else len(ORDER)


if __name__ == "__main__":
    run(main)
