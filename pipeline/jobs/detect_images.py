"""Detect objects in images and videos with a TFLite model: csv, json, annotated copies, label files.

    python -m pipeline.jobs.detect_images --model detect.tflite --labels labels.txt --images photos --out output/found

With --found, a journal that container_scripts/detect_graph.py or detect_tfjs_images.py wrote, nothing is detected:
what is in it is shown. Broken images are named and skipped; the exit code is then 3, and the results hold all others.
An interrupted run goes on where it was, from OUT/.detecting/journal.jsonl.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from pipeline.detecting.annotated_films import AnnotatedFilms
from pipeline.detecting.class_names import read_class_names
from pipeline.detecting.journal import WORK, FoundBefore, Journal, stamp
from pipeline.detecting.labelled_output import LABEL_FILES
from pipeline.detecting.loop import Detecting
from pipeline.detecting.picture_detectors import PictureDetector, ShownAgain, TflitePictures
from pipeline.detecting.saving import AnnotatedCopies, Saver
from pipeline.detecting.selection import Selection, parse_thresholds
from pipeline.detecting.tiles import parse_grid
from pipeline.detections.image_folder import check_images, is_video, list_files
from pipeline.errors import DataError
from pipeline.jobs import run

JOURNAL = f"{WORK}/journal.jsonl"


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse flags, detect, write the results."""
    flags = parse(arguments)
    files = list_files(str(flags.images), listed=flags.list, skip=str(flags.out))
    problem = check_images(str(flags.images), files)
    if problem:
        raise DataError(problem)
    class_names = read_class_names(flags.labels)
    selection = Selection(
        threshold=flags.threshold,
        by_class=parse_thresholds(flags.class_threshold, class_names),
        nms_iou=flags.nms,
        most=flags.max,
    )
    detector: PictureDetector
    if flags.found:
        detector = ShownAgain(FoundBefore(str(flags.found)))
    else:
        grid = parse_grid(flags.tiles) if flags.tiles else None
        detector = TflitePictures(flags.model, grid=grid, most=flags.max)
    journal = Journal(str(flags.out / JOURNAL), describe(flags))
    names = [file.name for file in files]
    savers: list[Saver] = [LABEL_FILES[kind](flags.out / kind, class_names, names) for kind in flags.save]
    if not flags.no_annotated:
        savers.append(AnnotatedCopies(flags.out / "annotated", class_names))
    films = None if flags.no_annotated else AnnotatedFilms(flags.out / "annotated", class_names)
    detecting = Detecting(detector, selection, journal, savers, films)
    detecting.over_images([file for file in files if not is_video(file.name)])
    detecting.over_videos([file for file in files if is_video(file.name)], every=flags.every)
    detecting.finish(flags.out, files, class_names)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the flags."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.jobs.detect_images", description=__doc__.splitlines()[0])
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--model", type=Path, help="a .tflite that detects")
    source.add_argument("--found", type=Path, help="a journal of what was detected already")
    parser.add_argument("--labels", type=Path, required=True, help="labels.txt, label_map.pbtxt, or `id name` lines")
    parser.add_argument("--images", type=Path, required=True, help="a folder, walked with its subfolders, or a file")
    parser.add_argument("--list", help="a JSON list of file names below --images (default: all)")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threshold", type=float, default=0.5, help="lowest score shown (default: 0.5)")
    parser.add_argument("--class-threshold", action="append", default=[], metavar="CLASS=SCORE")
    parser.add_argument("--nms", type=float, help="of two boxes of a class that overlap by more, one stays")
    parser.add_argument("--max", type=int, default=100, help="boxes an image (default: 100)")
    parser.add_argument("--tiles", help="columns and rows: 2x2")
    parser.add_argument("--every", type=int, default=1, help="of a video, every n-th frame (default: 1)")
    parser.add_argument("--save", action="append", default=[], choices=LABEL_FILES, help="label files to correct")
    parser.add_argument("--no-annotated", action="store_true")
    return parser.parse_args(arguments)


def describe(flags: argparse.Namespace) -> dict[str, object]:
    """Say what the results depend on: an interrupted run goes on only with the same."""
    said = {name: value if value is None else str(value) for name, value in sorted(vars(flags).items())}
    del said["list"], said["out"]
    return {**said, "model_stamp": stamp(str(flags.model or flags.found)), "labels_stamp": stamp(str(flags.labels))}


if __name__ == "__main__":
    run(main)
