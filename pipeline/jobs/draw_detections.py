"""Turn a detections file into csv, json and annotated copies, as detect_images writes them.

    python -m pipeline.jobs.draw_detections --detections detections.jsonl --labels label_map.pbtxt \\
        --images photos --out output/detection

The second half of detecting with a frozen graph, after container_scripts/detect_graph.py.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from pipeline.datasets.label_map import read_label_ids
from pipeline.detections.decode import decode_rgb
from pipeline.detections.detections_file import Detection, ImageDetections, read_detections
from pipeline.detections.image_folder import count_cores, describe_problem, map_ahead
from pipeline.detections.results import ResultWriter, annotated_path, save_annotated, select
from pipeline.errors import DataError
from pipeline.jobs import run
from pipeline.report.screen import Progress, say


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse flags, write the results."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.jobs.draw_detections", description=__doc__.splitlines()[0]
    )
    for name in ("--detections", "--labels", "--images", "--out"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--threshold", type=float, default=0.5, help="lowest score shown (default: 0.5)")
    flags = parser.parse_args(arguments)
    class_names = {class_id: name for name, class_id in read_label_ids(flags.labels).items()}
    try:
        draw_detections(flags.detections, flags.images, flags.out, class_names=class_names, threshold=flags.threshold)
    except (OSError, ValueError) as error:
        raise DataError(describe_problem(error)) from error


def draw_detections(
    detections_file: Path, images: Path, out: Path, *, class_names: Mapping[int, str], threshold: float
) -> None:
    """Write the results of every image in a detections file, in its order."""

    def draw(image: ImageDetections) -> list[Detection]:
        path = images if images.is_file() else images / image.filename
        found = select(image.detections, threshold)
        pixels = Image.fromarray(decode_rgb(str(path)))
        save_annotated(pixels, annotated_path(out, image.filename), detections=found, class_names=class_names)
        return found

    total = sum(1 for _ in read_detections(str(detections_file))[1])
    _, found_images = read_detections(str(detections_file))
    with ResultWriter(out, class_names) as writer, Progress("draw", total=total) as progress:
        for number, (image, found, error) in enumerate(map_ahead(draw, found_images, count_cores()), 1):
            if error is not None:
                raise DataError(f"{image.filename}: {describe_problem(error)}") from error
            writer.write(image.filename, width=image.width, height=image.height, detections=found)
            progress.update(number)
    say(f"{writer.objects} objects in {writer.images} images")


if __name__ == "__main__":
    run(main)
