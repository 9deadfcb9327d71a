"""What `python ./input/supervisely2tf_csv.py` does: the dataset job, into a folder that may hold other things."""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pipeline.datasets.tf_csv import LABEL_MAP, read_csv
from pipeline.errors import ConfigError, DataError
from pipeline.jobs.dataset import add_dataset_flags, read_and_split, write_with_progress
from pipeline.report.screen import say

_FILES = ("train.csv", "test.csv", LABEL_MAP)


def main(arguments: Sequence[str] | None = None, *, root: Path) -> None:
    """Parse flags, read, and replace what is in the output folder. `root` is the project, which holds the defaults."""
    parser = argparse.ArgumentParser(prog="supervisely2tf_csv.py", description=__doc__.splitlines()[0])
    default = Path(os.path.relpath(root / "input"))
    add_dataset_flags(parser, dataset=default / "supervisely")
    parser.add_argument(
        "--tf-csv-dir", "--tf_csv_dir", type=Path, default=default / "tf_csv", help="folder to write to"
    )
    flags = parser.parse_args(arguments)
    target: Path = flags.tf_csv_dir
    check_ours(target)
    dataset, split = read_and_split(flags)
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target, prefix=".aside-") as aside:
        write_with_progress(Path(aside), dataset, split, shown=target)
        _replace(target, Path(aside))
    say(f"wrote {', '.join([*_FILES, 'images/'])} in {target}")


def check_ours(target: Path) -> None:
    """Raise ConfigError where the output folder has images that no csv file there lists: they are not ours."""
    images = target / "images"
    if not images.exists():
        return
    listed: set[Path] = set()
    for part in ("train", "test"):
        try:
            listed.update(image.path for image in read_csv(target / f"{part}.csv", images / part))
        except DataError:
            continue
    for path in sorted(images.rglob("*")):
        if not path.is_dir() and path not in listed:
            raise ConfigError(
                f"{path} would be lost: {images} is replaced, and neither train.csv nor test.csv lists that file",
                hint="move it away, or choose another folder with --tf-csv-dir",
            )


def _replace(target: Path, folder: Path) -> None:
    """Put the new files in the place of the old ones; the csv files last, because they stand for a whole output."""
    for name in ("train.csv", "test.csv"):
        (target / name).unlink(missing_ok=True)
    if (target / "images").exists():
        shutil.rmtree(target / "images")
    for name in ("images", LABEL_MAP, "test.csv", "train.csv"):
        os.replace(folder / name, target / name)
