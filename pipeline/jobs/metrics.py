"""Compare every artefact's detections with the test split's labels and with its checkpoint's: metrics.json.

    python -m pipeline.jobs.metrics --records-dir input/tf_records/cats \\
        --detections-dir output/cats/evaluation/tensorflow --detections-dir output/cats/evaluation/tflite \\
        --metrics-file output/cats/evaluation/metrics.json --model-file output/cats/frozen/model.json \\
        --nms fast --tolerance tflite=2

metrics.json is a list, one entry an artefact; `pipeline.fidelity.entries` shows one and says what each key means. It is
written whatever the figures are: whether a limit broke is for `pipeline.jobs.evaluate` to say.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from pipeline.errors import DataError
from pipeline.fidelity.entries import make_entries
from pipeline.fidelity.limits import Shipped
from pipeline.fidelity.truth import read_records
from pipeline.jobs import run
from pipeline.receipts import read_json
from pipeline.tolerance import parse_tolerance


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse flags, write metrics.json."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.jobs.metrics", description=__doc__.splitlines()[0])
    parser.add_argument("--records-dir", type=Path, required=True)
    parser.add_argument("--detections-dir", type=Path, required=True, action="append", help="may be given repeatedly")
    parser.add_argument("--metrics-file", type=Path, required=True)
    parser.add_argument("--model-file", type=Path, required=True, help="model.json of the frozen folder")
    parser.add_argument("--tfjs-weights", help="TFJS_WEIGHTS=: how the browser's fast build stores its weights")
    parser.add_argument("--nms", default="regular", help="post-processing of the shipped TFLite file")
    parser.add_argument("--max-detections", type=int, default=20, help="boxes an image that the shipped file gives")
    parser.add_argument("--tolerance", help="mAP points that an artefact may lose: 2, or tflite=2,tfjs_fast=1")
    flags = parser.parse_args(arguments)
    model = read_json(str(flags.model_file))
    if not isinstance(model, dict) or "quantized" not in model:
        raise DataError(f"{flags.model_file} does not tell whether the model is quantized", hint="make freeze NAME=...")
    weights = flags.tfjs_weights or ("uint8" if model["quantized"] else "float16")
    shipped = Shipped(bool(model["quantized"]), weights, flags.nms, flags.max_detections)
    entries = make_entries(
        find_detections_files(flags.detections_dir),
        read_records(flags.records_dir),
        shipped=shipped,
        tolerance=parse_tolerance(flags.tolerance),
    )
    flags.metrics_file.parent.mkdir(parents=True, exist_ok=True)
    flags.metrics_file.write_text(json.dumps(entries, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def find_detections_files(folders: Sequence[Path]) -> list[Path]:
    """Find the detections files of some folders; raises DataError when there is none at all."""
    files = [path for folder in folders for path in sorted(folder.glob("*.jsonl"))]
    if not files:
        raise DataError(
            f"there are no detections (*.jsonl) in {', '.join(map(str, folders))}",
            hint="make evaluate NAME=... runs the artefacts first",
        )
    return files


if __name__ == "__main__":
    run(main)
