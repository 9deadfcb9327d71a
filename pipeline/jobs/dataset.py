"""Read a dataset of any known format, split it, and write it as tf_csv.

    python -m pipeline.jobs.dataset --dataset input/supervisely --tf-csv-dir input/tf_csv/cats

It ends with exit code 3 at the first bad item, unless --keep-going skips those.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from pipeline.datasets.disk import written_aside
from pipeline.datasets.formats import AUTO, FORMATS, check_format_name, read_dataset
from pipeline.datasets.model import Dataset, count_boxes
from pipeline.datasets.problems import Problems
from pipeline.datasets.split import Split, split_images
from pipeline.datasets.tf_csv import write_tf_csv
from pipeline.jobs import run
from pipeline.report.screen import Progress, say


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse flags, read, split, write, and say what was read."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.jobs.dataset", description=__doc__.splitlines()[0])
    parser.add_argument("--tf-csv-dir", type=Path, required=True, help="folder to write; must be new or empty")
    add_dataset_flags(parser, dataset=None)
    flags = parser.parse_args(arguments)
    dataset, split = read_and_split(flags)
    with written_aside(flags.tf_csv_dir) as folder:
        write_with_progress(folder, dataset, split, shown=flags.tf_csv_dir)


def add_dataset_flags(parser: argparse.ArgumentParser, *, dataset: Path | None) -> None:
    """Add the flags that say what to read and how to split it. `dataset` is the default folder, if there is one."""
    parser.add_argument("--dataset", type=Path, default=dataset, required=dataset is None, help="folder to read")
    parser.add_argument("--format", default=AUTO, help=f"{AUTO} (default), {', '.join(FORMATS)}")
    parser.add_argument("--test-fraction", type=float, default=0.2, help="share of test images (default: 0.2)")
    parser.add_argument("--seed", type=int, default=0, help="of the split (default: 0)")
    parser.add_argument("--keep-going", action="store_true", help="skip bad items, naming each, instead of stopping")


def read_and_split(flags: argparse.Namespace) -> tuple[Dataset, Split]:
    """Read and split as the flags say, and show what was read."""
    check_format_name(flags.format)
    problems = Problems(keep_going=flags.keep_going)
    dataset = read_dataset(flags.dataset, format_name=flags.format, problems=problems)
    split = split_images(dataset.images, test_fraction=flags.test_fraction, seed=flags.seed)
    for line in [*describe(dataset, split), *problems.to_lines()]:
        say(line)
    return dataset, split


def describe(dataset: Dataset, split: Split) -> list[str]:
    """Format for people: format, images, boxes of each class in both parts, and how the split came about."""
    in_train, in_test = count_boxes(split.train), count_boxes(split.test)
    empty = sum(not image.boxes for image in dataset.images)
    lines = [
        f"{dataset.root}: {dataset.format}, {len(dataset.images)} images ({empty} without boxes), "
        f"{sum((in_train + in_test).values())} boxes, {len(dataset.labels)} classes",
        f"split {split.how}: {len(split.train)} train, {len(split.test)} test",
    ]
    width = max(len(label) for label in dataset.labels)
    for label in dataset.labels:
        lines.append(f"  {label:<{width}}  {in_train[label]:>7} boxes in train  {in_test[label]:>7} in test")
    return lines


def write_with_progress(folder: Path, dataset: Dataset, split: Split, *, shown: Path) -> None:
    """Write tf_csv into a folder and show how far the copying is. `shown` is the folder's name in messages."""
    with Progress("dataset", total=len(dataset.images)) as progress:
        write_tf_csv(folder, split, dataset.labels, shown=shown, progress=progress.update)


if __name__ == "__main__":
    run(main)
