"""Run a .tflite in several ways over the test images, and keep its tensors: the first half of explaining a drop.

    python -m pipeline.jobs.explain_artefact --records-dir input/tf_records/cats \\
        --model output/cats/tflite/detect.tflite --images 100 --layer-images 8 \\
        --out output/cats/.cache/explain/artefact

out/artefact.json      what the file is: its input, its layers in order, its post-processing, the images' source ids
out/runs/*.jsonl       detections files: `shipped`; `other_nms`, `more_boxes` (the same file with other options)
out/raw-000.npz        of each image: its raw outputs, `encodings` and `scores`, as the numbers that they stand for
out/tensors-000.npz    for each of --layer-images: every tensor as it is stored, by its index in the file
out/weights.npz        the weights of its layers and its anchors, as the numbers that they stand for

container_scripts/explain_tfjs.mjs writes the same of a TensorFlow.js build, explain_graph.py of a frozen graph.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.detections import post_process
from pipeline.detections.detections_file import MAX_DETECTIONS, DetectionsWriter, Header, ImageDetections
from pipeline.detections.tflite_runtime import RUNTIME, TfliteDetector
from pipeline.errors import DataError
from pipeline.explain.chosen_images import choose_images, count_images, decode
from pipeline.explain.tflite_layers import LayerRunner
from pipeline.jobs import run
from pipeline.receipts import write_json
from pipeline.report.screen import Progress


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse flags, run the model, write what it gave."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.jobs.explain_artefact", description=__doc__.splitlines()[0]
    )
    for name in ("--records-dir", "--model", "--out"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--nms", choices=("regular", "fast"), help="instead of the file's own")
    parser.add_argument("--images", type=int, default=100, help="test images that mAP is computed on")
    parser.add_argument("--layer-images", type=int, default=8, help="of them, those whose tensors are kept")
    flags = parser.parse_args(arguments)
    content = read_content(flags.model, nms=flags.nms)
    explain(
        flags.records_dir, content, flags.out, name=str(flags.model), images=flags.images,
        layer_images=flags.layer_images,
    )  # fmt: skip


def read_content(path: Path, *, nms: str | None) -> bytes:
    """Read a .tflite, with another non-maximum suppression than its own where one is asked for."""
    if not path.is_file():
        raise DataError(f"there is no TFLite model at {path}", hint="make tflite NAME=... makes one")
    content = path.read_bytes()
    if nms is None:
        return content
    return post_process.with_options(content, regular_nms=nms == "regular", max_detections=MAX_DETECTIONS)


def explain(records_dir: Path, content: bytes, out: Path, *, name: str, images: int, layer_images: int) -> None:
    """Write what the module says; raises DataError for a file that is no detector with its post-processing."""
    options = post_process.read_options(content)
    variants = {
        "shipped": content,
        "other_nms": post_process.with_options(
            content, regular_nms=not options.regular_nms, max_detections=MAX_DETECTIONS
        ),
        "more_boxes": post_process.with_options(content, max_detections=MAX_DETECTIONS),
    }
    (out / "runs").mkdir(parents=True)
    detectors = {key: TfliteDetector(Path(name), content=one) for key, one in variants.items()}
    runner = LayerRunner(content, name=name)
    encodings, scores, anchors = runner.post_process_inputs()
    header = {one: Header(one, RUNTIME, len(content)) for one in variants}
    writers = {name: DetectionsWriter(str(out / "runs" / f"{name}.jsonl"), one) for name, one in header.items()}
    total = min(images, count_images(records_dir))
    every = max(1, total // max(layer_images, 1))
    kept: list[str] = []
    source_ids: list[str] = []
    with Progress("explain  artefact", total=total) as progress:
        for number, example in enumerate(choose_images(records_dir, images)):
            image = decode(example)
            facts = (example.source_id, example.filename, image.shape[1], image.shape[0])
            found = {name: detector.detect(image) for name, detector in detectors.items()}
            runner.run(image)
            raw = {"encodings": runner.real(encodings)[0], "scores": runner.real(scores)[0]}
            save_arrays(out / f"raw-{number:03}.npz", raw)
            for name, answer in found.items():
                writers[name].write(ImageDetections(*facts, answer.ms, answer.detections))
            source_ids.append(example.source_id)
            if number % every == 0 and len(kept) < layer_images:
                tensors = {f"t{layer.tensor}": runner.stored(layer.tensor) for layer in runner.layers}
                save_arrays(out / f"tensors-{len(kept):03}.npz", tensors)
                kept.append(example.source_id)
            progress.update(number + 1)
    for writer in writers.values():
        writer.close()
    write_json(str(out / "artefact.json"), describe(runner, options, size=len(content)) | {
        "images": source_ids,
        "layer_images": kept,
    })  # fmt: skip
    weights = {f"t{layer.weights}": runner.real(layer.weights) for layer in runner.layers if layer.weights is not None}
    save_arrays(out / "weights.npz", {"anchors": runner.real(anchors), **weights})


def save_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write named arrays as one .npz."""
    np.savez(path, **arrays)


def describe(runner: LayerRunner, options: post_process.PostProcess, *, size: int) -> dict[str, Any]:
    """Return what artefact.json says of the file itself."""
    return {
        "kind": "tflite",
        "size_bytes": size,
        "input": runner.describe_input(),
        "layers": [layer.to_json() for layer in runner.layers],
        "post_process": asdict(options),
    }


if __name__ == "__main__":
    run(main)
