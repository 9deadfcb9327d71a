"""Run the TFLite models of a run over the test images: a detections file each.

    python -m pipeline.jobs.detect_tflite --records-dir input/tf_records/cats \\
        --tflite-dir output/cats/tflite --detections-dir output/cats/evaluation/tflite

tflite.jsonl            detect.tflite with regular non-maximum suppression
tflite_float.jsonl      detect_float.tflite with regular non-maximum suppression
tflite_fast_nms.jsonl   detect.tflite with fast non-maximum suppression: what it costs, and what it saves

Each gives 100 boxes an image, as mAP is defined, whatever NMS and MAX_DETECTIONS the files are shipped with: those
options are changed in memory (`pipeline.detections.post_process`). Each runs in a process of its own, so that what it
says of its memory is true. `ms` is the time from the decoded image to the boxes, resizing included, on one thread (why
one: `pipeline.detections.tflite_runtime`); a first call is not counted.
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.detections.detections_file import MAX_DETECTIONS, DetectionsWriter, Header, ImageDetections
from pipeline.detections.post_process import with_options
from pipeline.detections.tflite_runtime import RUNTIME, TfliteDetector, read_detector
from pipeline.errors import DataError
from pipeline.jobs import run
from pipeline.records import read_examples
from pipeline.report.screen import Progress


@dataclass(frozen=True, slots=True)
class Artefact:
    """A file of the tflite folder, and the suppression that it is run with."""

    file: str
    regular_nms: bool = True


ARTEFACTS = {
    "tflite": Artefact("detect.tflite"),
    "tflite_float": Artefact("detect_float.tflite"),
    "tflite_fast_nms": Artefact("detect.tflite", regular_nms=False),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse flags, detect with each model, write the files."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.jobs.detect_tflite", description=__doc__.splitlines()[0])
    for name in ("--records-dir", "--tflite-dir", "--detections-dir"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--only", choices=ARTEFACTS, help="one of them, in this process")
    flags = parser.parse_args(arguments)
    if flags.only:
        detect(flags.only, flags.records_dir, flags.tflite_dir, flags.detections_dir / f"{flags.only}.jsonl")
        return
    for name in ARTEFACTS:
        folders = ("--records-dir", flags.records_dir, "--tflite-dir", flags.tflite_dir)
        command = [sys.executable, "-m", "pipeline.jobs.detect_tflite", *map(str, folders)]
        command += ["--detections-dir", str(flags.detections_dir), "--only", name]
        screen = os.environ.get("ODPIPE_SCREEN_FD")
        code = subprocess.run(command, pass_fds=(int(screen),) if screen else (), check=False).returncode
        if code:
            raise SystemExit(code)  # it has said why itself


def detect(name: str, records_dir: Path, tflite_dir: Path, detections_file: Path) -> None:
    """Run one artefact over the test records and write its detections file."""
    paths = sorted(records_dir.glob("test.record-*"))
    if not paths:
        raise DataError(f"there are no test records (test.record-*) in {records_dir}", hint="make records DATASET=...")
    artefact = ARTEFACTS[name]
    model = tflite_dir / artefact.file
    shipped = read_detector(model)
    detector = TfliteDetector(
        model, content=with_options(shipped, max_detections=MAX_DETECTIONS, regular_nms=artefact.regular_nms)
    )
    total = sum(1 for path in paths for _ in read_examples(path))
    detections_file.parent.mkdir(parents=True, exist_ok=True)
    header = Header(name, RUNTIME, len(shipped))
    with (
        DetectionsWriter(str(detections_file), header) as writer,
        Progress(f"evaluate {name}", total=total) as progress,
    ):
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
