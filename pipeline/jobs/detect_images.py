"""Detect objects in a folder of images with a TFLite model: csv, json and annotated copies.

    python -m pipeline.jobs.detect_images --tflite-dir output/cats/tflite --images photos --out output/detection

Broken images are named and skipped; the exit code is then 3, and the results hold all others.
"""

from __future__ import annotations

import argparse
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from pipeline.detections.decode import decode_rgb
from pipeline.detections.detections_file import Detection
from pipeline.detections.image_folder import (
    ImageFile,
    check_images,
    count_cores,
    describe_broken,
    describe_problem,
    find_images,
    map_ahead,
)
from pipeline.detections.results import ResultWriter, annotated_path, save_annotated, select
from pipeline.detections.tflite_runtime import TfliteDetector
from pipeline.errors import DataError
from pipeline.jobs import run
from pipeline.report.screen import Progress, say

Found = tuple[int, int, list[Detection]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse flags, detect, write the results."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.jobs.detect_images", description=__doc__.splitlines()[0])
    parser.add_argument("--tflite-dir", type=Path, required=True, help="detect.tflite and labels.txt are in it")
    parser.add_argument("--images", type=Path, required=True, help="a folder, walked with its subfolders, or a file")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threshold", type=float, default=0.5, help="lowest score shown (default: 0.5)")
    flags = parser.parse_args(arguments)
    class_names = read_labels(flags.tflite_dir / "labels.txt")
    files = find_images(str(flags.images), skip=str(flags.out))
    problem = check_images(str(flags.images), files)
    if problem:
        raise DataError(problem)
    detect = Detect(flags.tflite_dir / "detect.tflite", flags.out, class_names=class_names, threshold=flags.threshold)
    write_results(detect, files, flags.out, class_names=class_names)


def read_labels(path: Path) -> dict[int, str]:
    """Read labels.txt, one class name a line, into {id from 1: name}."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise DataError(f"there are no labels at {path}", hint="make tflite NAME=... writes them") from error
    return dict(enumerate(lines, 1))


class Detect:
    """One image's whole work, from file to annotated copy, for several threads at a time.

    Each thread has an interpreter of one thread of its own, and reading, resizing and drawing overlap with it.
    Inference alone, alternating 12 times on two cores that other work shared: median 43 images a second,
    against 26 of one interpreter with two threads.
    """

    def __init__(self, model: Path, out: Path, *, class_names: Mapping[int, str], threshold: float) -> None:
        TfliteDetector(model)  # fails now, not for every image
        self._model = model
        self._out = out
        self._class_names = class_names
        self._threshold = threshold
        self._local = threading.local()

    def __call__(self, file: ImageFile) -> Found:
        """Detect in one file and save its annotated copy; returns width, height, detections over the threshold."""
        if not hasattr(self._local, "detector"):
            self._local.detector = TfliteDetector(self._model)
        image = decode_rgb(file.path)
        found = select(self._local.detector.detect(image).detections, self._threshold)
        copy = annotated_path(self._out, file.name)
        save_annotated(Image.fromarray(image), copy, detections=found, class_names=self._class_names)
        height, width = image.shape[:2]
        return width, height, found


def write_results(detect: Detect, files: Sequence[ImageFile], out: Path, *, class_names: Mapping[int, str]) -> None:
    """Run over the files in order and write detection.csv and detection.json; raises DataError at the end
    when some were broken."""
    broken = 0
    with ResultWriter(out, class_names) as writer, Progress("detect", total=len(files)) as progress:
        for number, (file, found, error) in enumerate(map_ahead(detect, files, count_cores()), 1):
            if error is not None:
                broken += 1
                say(f"skipped {file.name}: {describe_problem(error)}")
            else:
                width, height, detections = found
                writer.write(file.name, width=width, height=height, detections=detections)
            progress.update(number)
        if broken == len(files):
            raise DataError(describe_broken(broken, len(files)))
    say(f"{writer.objects} objects in {writer.images} images")
    if broken:
        raise DataError(describe_broken(broken, len(files)))


if __name__ == "__main__":
    run(main)
