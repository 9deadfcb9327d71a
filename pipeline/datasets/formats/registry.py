"""The dataset formats, and which of them a folder is in.

A format is one module with the three names of `Format`, and one line in `FORMATS`.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Protocol

from pipeline.datasets.files.tree import has_data, list_folders, listed_once
from pipeline.datasets.formats.coco import dataset as coco
from pipeline.datasets.formats.cvat import dataset as cvat
from pipeline.datasets.formats.labelme import dataset as labelme
from pipeline.datasets.formats.supervisely import dataset as supervisely
from pipeline.datasets.formats.tables import csv_dataset, openimages
from pipeline.datasets.formats.tfrecord import dataset as tfrecord
from pipeline.datasets.formats.voc import dataset as voc
from pipeline.datasets.formats.yolo import dataset as yolo
from pipeline.datasets.images.ahead import Ahead, using
from pipeline.datasets.images.known import is_anything_known
from pipeline.datasets.model import Dataset
from pipeline.datasets.problems import Problems
from pipeline.errors import ConfigError, DataError
from pipeline.suggest import did_you_mean

AUTO = "auto"
_DERIVED = (csv_dataset.NAME, tfrecord.NAME)
_SHOWN = 4


class Format(Protocol):
    """What a format's module offers. Both functions may raise DataError for a folder that is hostile or broken."""

    NAME: str

    def mismatch(self, root: Path) -> str | None:
        """Say why the folder is not in this format; None if it is."""

    def read(self, root: Path, problems: Problems) -> Dataset:
        """Read the folder. Bad items go to `problems`."""


FORMATS: dict[str, Format] = {
    module.NAME: module for module in (coco, cvat, labelme, openimages, supervisely, csv_dataset, tfrecord, voc, yolo)
}


def check_format_name(name: str) -> None:
    """Raise ConfigError for a format that does not exist."""
    if name != AUTO and name not in FORMATS:
        raise ConfigError(
            f"unknown dataset format {name!r}; known: {', '.join([AUTO, *sorted(FORMATS)])}",
            hint=did_you_mean(name, [AUTO, *FORMATS]),
        )


def identify_format(root: Path) -> str:
    """Return the name of the one format that fits. Raises DataError with the reasons where none or several do.

    tf_csv and TFRecords are made of other formats, and stay beside them: where one of the others fits, they give way.
    """
    with listed_once():
        reasons = {name: module.mismatch(root) for name, module in FORMATS.items()}
        fitting = [name for name, reason in reasons.items() if reason is None]
        originals = [name for name in fitting if name not in _DERIVED]
        if len(originals or fitting[:1]) == 1:
            return (originals or fitting)[0]
        if originals:
            raise DataError(
                f"{root} fits several dataset formats: {', '.join(originals)}",
                hint=f"choose one: FORMAT={originals[0]}; or name the folder of one with DATASET=",
            )
        raise DataError(
            f"{root} fits no known dataset format; {_describe_files(root)}; tried:{_join_reasons(reasons)}",
            hint="DATASET= names the folder that holds the annotations and the images",
        )


def _describe_files(root: Path) -> str:
    """Say what lies in a folder: the suffixes of most files, and how many there are of each."""
    names = [name for names in list_folders(root).values() for name in names]
    suffixes = Counter(os.path.splitext(name)[1].lower() or "without a suffix" for name in names).most_common(_SHOWN)
    listed = ", ".join(f"{count} {suffix}" for suffix, count in suffixes)
    return f"its {'file is' if len(names) == 1 else f'{len(names)} files are'} {listed}"


def _join_reasons(reasons: dict[str, str | None]) -> str:
    """Format a line for each reason, with all formats that it is about."""
    formats: dict[str, list[str]] = {}
    for name, reason in sorted(reasons.items()):
        formats.setdefault(reason or "", []).append(name)
    return "".join(f"\n  {', '.join(names)}: {reason}" for reason, names in formats.items())


def read_dataset(root: Path, *, format_name: str = AUTO, problems: Problems, ahead: Ahead | None = None) -> Dataset:
    """Read a dataset folder in the named format, or in the one it is found to be in; `ahead` lets all cores read.

    Raises DataError where there is no dataset, no format fits, or no image is good; what is bad within a
    readable dataset is up to `problems`.
    """
    check_format_name(format_name)
    if not root.is_dir():
        found = "it is a file, not a folder" if root.exists() else "no such folder"
        raise DataError(f"no dataset at {root}: {found}", hint=_WHERE)
    are_headers_known = is_anything_known()
    with listed_once(), using(ahead):
        if not has_data(list_folders(root)):
            raise DataError(f"no dataset at {root}: the folder is empty", hint=_WHERE)
        if ahead is not None and not are_headers_known:
            ahead.begin(list_folders(root))
        if format_name == AUTO:
            format_name = identify_format(root)
        elif reason := FORMATS[format_name].mismatch(root):
            raise DataError(f"{root} is not in the format {format_name}: {reason}", hint="FORMAT=auto finds the format")
        dataset = FORMATS[format_name].read(root, problems)
    if not dataset.images:
        raise DataError(f"{root}: not one image can be used ({format_name})", hint="look at what was skipped")
    if not dataset.labels:
        raise DataError(f"{root}: not one box in {len(dataset.images)} images ({format_name})")
    return dataset


_WHERE = (
    "put a dataset there, or name its folder with DATASET=: Supervisely, Pascal VOC, COCO, YOLO, CVAT, LabelMe, "
    "OpenImages, tf_csv or TFRecord"
)
