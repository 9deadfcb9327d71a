"""Read a dataset of any known format, split it, and write it as tf_csv.

    python -m pipeline.jobs.dataset --dataset input/supervisely --tf-csv-dir input/tf_csv/cats

It ends with exit code 3 at the first bad item, unless --keep-going skips those. With --check-file it goes by what the
check has found: with exit code 3 where that is unusable, or it leaves out just that.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pipeline.archives.unpack import opened_dataset
from pipeline.checks.check_file import Check, describe_refused, read_check, refuse_unusable
from pipeline.checks.inspected_images import read_known
from pipeline.checks.review import leave_out, review
from pipeline.core_count import count_cores
from pipeline.datasets.files.disk import written_aside
from pipeline.datasets.findings import KINDS
from pipeline.datasets.formats.registry import AUTO, FORMATS, check_format_name, read_dataset
from pipeline.datasets.images.ahead import Ahead, reading_ahead
from pipeline.datasets.images.known import knowing
from pipeline.datasets.model import Dataset, count_boxes
from pipeline.datasets.problems import Problems
from pipeline.datasets.splitting.split import Split, split_images
from pipeline.datasets.tf_csv import write_tf_csv
from pipeline.errors import DataError, PipelineError
from pipeline.jobs import run
from pipeline.report.screen import Progress, say


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse flags, read, split, write, and say what was read."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.jobs.dataset", description=__doc__.splitlines()[0])
    parser.add_argument("--tf-csv-dir", type=Path, required=True, help="folder to write; must be new or empty")
    add_dataset_flags(parser, dataset=None)
    parser.add_argument("--check-file", type=Path, help="check.json: what the check of this dataset has found")
    parser.add_argument("--cache", type=Path, help="what that check has kept of each image; need not exist")
    parser.add_argument("--page-name", default="the page of the check", help="where people find what was found")
    flags = parser.parse_args(arguments)
    if flags.check_file:
        refuse_unusable_dataset(flags)
    with (
        reading_ahead(count_cores()) as ahead,
        naming_dataset(flags.dataset, flags.shown_as),
        opened_dataset(flags.dataset, beside=flags.tf_csv_dir) as root,
        naming_dataset(root, flags.shown_as),
    ):
        dataset, split = read_and_split(flags, root=root, ahead=ahead)
        with written_aside(flags.tf_csv_dir) as folder:
            write_with_progress(folder, dataset, split, shown=flags.tf_csv_dir)


def add_dataset_flags(parser: argparse.ArgumentParser, *, dataset: Path | None, can_skip: bool = True) -> None:
    """Add the flags that say what to read and how to split it. `dataset` is the default folder, if there is one."""
    parser.add_argument(
        "--dataset", type=Path, default=dataset, required=dataset is None, help="folder to read, or a tar or zip of it"
    )
    parser.add_argument("--format", default=AUTO, help=f"{AUTO} (default), {', '.join(FORMATS)}")
    parser.add_argument("--test-fraction", type=float, default=0.2, help="share of test images (default: 0.2)")
    parser.add_argument("--seed", type=int, default=0, help="of the split (default: 0)")
    parser.add_argument("--group-by", help="folder, or a regular expression whose group names the scene of an image")
    parser.add_argument("--shown-as", help="what people call the dataset, where it is mounted elsewhere")
    if can_skip:
        parser.add_argument(
            "--keep-going", action="store_true", help="skip bad items, naming each, instead of stopping"
        )
    parser.set_defaults(check_file=None, cache=None)


@contextmanager
def naming_dataset(root: Path, shown: str | None) -> Iterator[None]:
    """Let errors call the dataset in the folder `root` as people know it: it may be mounted or unpacked elsewhere."""
    try:
        yield
    except PipelineError as error:
        if shown is not None and shown != str(root):
            error.args = (str(error).replace(str(root), shown),)
            error.hint = error.hint and error.hint.replace(str(root), shown)
        raise


def refuse_unusable_dataset(flags: argparse.Namespace) -> None:
    """Raise DataError where the check says that the dataset cannot be used, or that nothing of it can."""
    check = read_check(flags.check_file)
    shown = flags.shown_as or str(flags.dataset)
    if not check.usable_images:
        raise DataError(
            f"{shown}: not one image can be used: {describe_refused(check)}", hint=f"look at {flags.page_name}"
        )
    if not flags.keep_going:
        refuse_unusable(check, dataset=shown, page=flags.page_name)


def read_and_split(
    flags: argparse.Namespace, *, root: Path | None = None, ahead: Ahead | None = None
) -> tuple[Dataset, Split]:
    """Read and split as the flags say, and show what was read.

    `root` is the dataset's folder, if it was unpacked; `ahead` lets all cores read.
    """
    check_format_name(flags.format)
    root = root or flags.dataset
    shown = flags.shown_as or str(flags.dataset)
    check = read_check(flags.check_file) if flags.check_file else None
    problems = Problems(keep_going=flags.keep_going)
    known = read_known(flags.cache, root)
    with knowing(*([known] if len(known) else [])):
        dataset = review(read_dataset(root, format_name=flags.format, problems=problems, ahead=ahead), problems)
        if check is not None:
            dataset = leave_out(dataset, set(check.unusable_files), problems)
        if not dataset.images:
            raise DataError(f"{shown}: not one image can be used", hint="check it: make check DATASET=...")
        split = split_images(
            dataset.images,
            test_fraction=flags.test_fraction,
            seed=flags.seed,
            group_by=flags.group_by,
            root=dataset.root,
        )
    found = problems.to_lines() if check is None else describe_left_out(check)
    for line in [*describe(dataset, split, shown=shown), *(line.replace(str(root), shown) for line in found)]:
        say(line)
    return dataset, split


def describe_left_out(check: Check) -> list[str]:
    """Name each item that is left out, and count them; what else was found, the check has shown."""
    refused = check.refused
    lines = [f"skipped: {item.message}" for item in check.items if item.kind in refused]
    for kind, count in refused.items():
        unnamed = count - sum(item.kind == kind for item in check.items)
        lines += [f"skipped: {unnamed} more: {KINDS[kind].title}"] if unnamed else []
    if lines:
        lost = f"{check.images - check.usable_images} images, {check.boxes - check.usable_boxes} boxes"
        lines.append(f"left out: {lost} ({describe_refused(check)})")
    return lines


def describe(dataset: Dataset, split: Split, *, shown: str) -> list[str]:
    """Format for people: format, images, boxes of each class in both parts, and how the split came about."""
    in_train, in_test = count_boxes(split.train), count_boxes(split.test)
    empty = sum(not image.boxes for image in dataset.images)
    lines = [
        f"{shown}: {dataset.format}, {len(dataset.images)} images ({empty} without boxes), "
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
