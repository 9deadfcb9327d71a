"""Peak memory and time of a million annotations over 200,000 images, and whether time is linear.

    .envs/pipeline/bin/python benchmarks/annotations.py
    .envs/pipeline/bin/python benchmarks/annotations.py --format voc --images 10000 50000 --rounds 1

Each size is read, split, written as tf_csv, read again and planned as records, in a process of its own, whose peak
memory is what the kernel says (ru_maxrss). The images are headers only, so nothing is decoded: what the stages do to
annotations is what is measured. Wanted: less than 600 MB, and time within 15 % of linear.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from many_annotations import WRITERS

ROOT = Path(__file__).resolve().parents[1]
BOXES = 5
WANTED_MB = 600
WANTED_DEVIATION = 0.15


def main() -> None:
    """Make the datasets, measure each in turns, print figures and deviations."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--format", choices=sorted(WRITERS), default="coco")
    parser.add_argument("--images", type=int, nargs="+", default=[10_000, 50_000, 200_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path("/dev/shm"), help="where the datasets are made")
    parser.add_argument("--measure", choices=STAGES, help=argparse.SUPPRESS)
    parser.add_argument("--paths", nargs=2, type=Path, help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.measure:
        measure(STAGES[flags.measure](*flags.paths, flags.format))
        return
    figures: dict[int, list[dict[str, Any]]] = {images: [] for images in flags.images}
    folder = flags.folder if flags.folder.is_dir() else None
    with tempfile.TemporaryDirectory(dir=folder, prefix="odpipe-annotations-") as name:
        for images in figures:
            WRITERS[flags.format](Path(name) / f"{images}", images, BOXES)
        for _ in range(flags.rounds):
            for images, found in figures.items():
                dataset, tf_csv = Path(name) / f"{images}", Path(name) / "tf_csv"
                parts = {}
                for stage in STAGES:
                    parts.update(run(stage, dataset, tf_csv, flags.format))
                found.append(parts)
                shutil.rmtree(tf_csv)
    show(flags.format, figures)


def run(stage: str, dataset: Path, tf_csv: Path, format_name: str) -> dict[str, Any]:
    """Run what a stage does in a process of its own; return {part: [seconds, peak in MB]}."""
    command = [sys.executable, __file__, "--format", format_name, "--measure", stage, "--paths", dataset, tf_csv]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0:
        raise SystemExit(done.stderr[-3000:])
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measure(parts: Iterator[str]) -> None:
    """Run the parts of a stage one by one; print what each took."""
    found = {}
    began = time.perf_counter()
    for part in parts:
        found[part] = [time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000]
        began = time.perf_counter()
    print(json.dumps(found))


def make_dataset(root: Path, tf_csv: Path, format_name: str) -> Iterator[str]:
    """Do what the dataset stage does."""
    from pipeline.checks.review import review
    from pipeline.datasets.formats.registry import read_dataset
    from pipeline.datasets.problems import Problems
    from pipeline.datasets.splitting.split import split_images
    from pipeline.datasets.tf_csv import write_tf_csv

    yield "start"
    problems = Problems()
    dataset = read_dataset(root, format_name=format_name, problems=problems)
    yield "read"
    dataset = review(dataset, problems)
    yield "review"
    split = split_images(dataset.images)
    yield "split"
    write_tf_csv(tf_csv, split, dataset.labels)
    yield "tf_csv"
    found = len(dataset.images), sum(len(image.boxes) for image in dataset.images)
    wanted = int(root.name), int(root.name) * BOXES
    if found != wanted:
        raise SystemExit(f"error: {found} images and boxes, wanted {wanted}")


def plan_records(root: Path, tf_csv: Path, format_name: str) -> Iterator[str]:
    """Do what the records stage does before it writes."""
    from pipeline.datasets.tf_csv import read_csv
    from pipeline.records.writer import choose_shards, estimate_bytes, shuffle

    yield "start"
    parts = {part: read_csv(tf_csv / f"{part}.csv", tf_csv / "images" / part) for part in ("train", "test")}
    yield "read_csv"
    for images in parts.values():
        choose_shards(estimate_bytes(images), len(images), shards=None)
        shuffle(images, seed=0)
    yield "plan"


STAGES: dict[str, Callable[[Path, Path, str], Iterator[str]]] = {"dataset": make_dataset, "records": plan_records}


def show(format_name: str, figures: dict[int, list[dict[str, Any]]]) -> None:
    """Print medians, and by how much the time of an image differs from that in the largest dataset."""
    print(f"{format_name}, {os.cpu_count()} cores, medians of {len(next(iter(figures.values())))} rounds")
    totals = {}
    for images, found in figures.items():
        seconds = {part: statistics.median(one[part][0] for one in found) for part in found[0]}
        peaks = {part: max(one[part][1] for one in found) for part in found[0]}
        totals[images] = sum(value for part, value in seconds.items() if part != "start")
        print(f"{images:>8} images, {images * BOXES:>8} boxes: {totals[images]:7.2f} s  peak {max(peaks.values())} MB")
        print("         " + ", ".join(f"{part} {value:.2f} s {peaks[part]} MB" for part, value in seconds.items()))
    largest = max(totals)
    for images, total in totals.items():
        deviation = (total / images) / (totals[largest] / largest) - 1
        print(f"{images:>8} images: {total / images * 1e6:6.1f} us an image, {deviation:+.1%} from that of {largest}")
    print(f"wanted: less than {WANTED_MB} MB, within {WANTED_DEVIATION:.0%}; starting does not count as time")


if __name__ == "__main__":
    main()
