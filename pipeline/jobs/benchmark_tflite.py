"""Time a .tflite of a run on its test images, one at a time, in a process of its own; on a Coral what is for it.

    python -m pipeline.jobs.benchmark_tflite --model output/cats/tflite/detect.tflite \\
        --records-dir input/tf_records/cats --threads 1 --images 50 --result tflite.json

writes {"runtime": "ai-edge-litert 2.3.0", "load_ms": 8.1, "first_ms": 5.0, "ms": [4.5, ...]}, or {"not_run": "no Coral
answers here"}. `ms` goes from the decoded image to the boxes; what comes before the third answer is warming up and not
among them. The file is run as it is shipped.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Iterator, Sequence
from ctypes.util import find_library
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import load_delegate  # type: ignore[import-untyped]
from PIL import Image

from pipeline.detections.tflite_runtime import RUNTIME, TfliteDetector
from pipeline.errors import DataError
from pipeline.jobs import run
from pipeline.receipts import write_json
from pipeline.records import read_examples
from pipeline.report.screen import Progress

WARM_UP = 2
CORAL = "edgetpu"


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse flags, load, time, write."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.jobs.benchmark_tflite", description=__doc__.splitlines()[0]
    )
    for name in ("--model", "--records-dir", "--result"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--images", type=int, default=50)
    parser.add_argument("--coral", action="store_true", help="the model was compiled for the Edge TPU")
    flags = parser.parse_args(arguments)
    delegates = find_coral() if flags.coral else []
    if flags.coral and not delegates:
        write_json(str(flags.result), {"not_run": "no Coral answers here, or its libedgetpu is missing"})
        return
    images = list(islice(cycle(islice(read_images(flags.records_dir), flags.images)), flags.images))
    write_json(str(flags.result), measure(flags.model, images, threads=flags.threads, delegates=delegates))


def find_coral() -> list[Any]:
    """Return what gives a model to the Coral; nothing when none answers."""
    library = find_library(CORAL)
    try:
        return [load_delegate(library)] if library else []
    except (OSError, ValueError):
        return []


def read_images(records_dir: Path) -> Iterator[npt.NDArray[np.uint8]]:
    """Decode the test images, one after the other; raises DataError when there is none."""
    paths = sorted(records_dir.glob("test.record-*"))
    if not paths:
        raise DataError(f"there are no test records (test.record-*) in {records_dir}", hint="make records DATASET=...")
    for path in paths:
        for example in read_examples(path):
            yield np.asarray(Image.open(io.BytesIO(example.encoded)).convert("RGB"))


def measure(
    model: Path, images: Sequence[npt.NDArray[np.uint8]], *, threads: int, delegates: Sequence[Any]
) -> dict[str, Any]:
    """Load a model and time it on each image, in milliseconds."""
    began = time.perf_counter()
    detector = TfliteDetector(model, threads=threads, delegates=delegates)
    load_ms = (time.perf_counter() - began) * 1000
    first_ms = detector.detect(images[0]).ms
    for image in images[:WARM_UP]:
        detector.detect(image)
    times = []
    with Progress("benchmark tflite", total=len(images)) as progress:
        for image in images:
            times.append(detector.detect(image).ms)
            progress.update(len(times))
    return {"runtime": RUNTIME, "load_ms": load_ms, "first_ms": first_ms, "ms": times}


if __name__ == "__main__":
    run(main)
