"""Run detect.tflite over the test images: the detections file `tflite.jsonl`.

    python -m pipeline.jobs.detect_tflite --records-dir input/tf_records/cats \\
        --tflite-dir output/cats/tflite --detections-dir output/cats/detections/tflite

`ms` is the time from the decoded image to the boxes, resizing included, on one thread (why one:
`pipeline.detections.tflite_runtime`); a first call is not counted.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.detections.detections_file import DetectionsWriter, Header, ImageDetections
from pipeline.detections.tflite_runtime import RUNTIME, TfliteDetector
from pipeline.errors import DataError
from pipeline.jobs import run
from pipeline.records import read_examples
from pipeline.report.screen import Progress


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse flags, detect, write the file."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.jobs.detect_tflite", description=__doc__.splitlines()[0])
    for name in ("--records-dir", "--tflite-dir", "--detections-dir"):
        parser.add_argument(name, type=Path, required=True)
    flags = parser.parse_args(arguments)
    detect(flags.records_dir, flags.tflite_dir / "detect.tflite", flags.detections_dir / "tflite.jsonl")


def detect(records_dir: Path, model: Path, detections_file: Path) -> None:
    """Run one model over the test records and write its detections file."""
    paths = sorted(records_dir.glob("test.record-*"))
    if not paths:
        raise DataError(f"there are no test records (test.record-*) in {records_dir}", hint="make records DATASET=...")
    detector = TfliteDetector(model)
    total = sum(1 for path in paths for _ in read_examples(path))
    detections_file.parent.mkdir(parents=True, exist_ok=True)
    header = Header("tflite", RUNTIME, model.stat().st_size)
    with DetectionsWriter(str(detections_file), header) as writer, Progress("evaluate tflite", total=total) as progress:
        examples = (example for path in paths for example in read_examples(path))
        for number, example in enumerate(examples, 1):
            image = np.asarray(Image.open(io.BytesIO(example.encoded)).convert("RGB"))
            if number == 1:
                detector.detect(image)
            answer = detector.detect(image)
            height, width = image.shape[:2]
            writer.write(
                ImageDetections(example.source_id, example.filename, width, height, answer.ms, answer.detections)
            )
            progress.update(number)


if __name__ == "__main__":
    run(main)
