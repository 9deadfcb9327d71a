"""The dataset formats, and which of them a folder is in.

A format is one module with these three names and one line in `FORMATS`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from pipeline.datasets import supervisely, voc
from pipeline.datasets.model import Dataset
from pipeline.datasets.problems import Problems
from pipeline.datasets.tree import has_data, list_folders
from pipeline.errors import ConfigError, DataError
from pipeline.suggest import did_you_mean

AUTO = "auto"


class Format(Protocol):
    """What a format's module offers. Both functions may raise DataError for a folder that is hostile or broken."""

    NAME: str

    def mismatch(self, root: Path) -> str | None:
        """Say why the folder is not in this format; None if it is."""

    def read(self, root: Path, problems: Problems) -> Dataset:
        """Read the folder. Bad items go to `problems`."""


FORMATS: dict[str, Format] = {module.NAME: module for module in (supervisely, voc)}


def check_format_name(name: str) -> None:
    """Raise ConfigError for a format that does not exist."""
    if name != AUTO and name not in FORMATS:
        raise ConfigError(
            f"unknown dataset format {name!r}; known: {', '.join([AUTO, *sorted(FORMATS)])}",
            hint=did_you_mean(name, [AUTO, *FORMATS]),
        )


def identify_format(root: Path) -> str:
    """Return the name of the one format that fits. Raises DataError with the reasons where none or several do."""
    reasons = {name: module.mismatch(root) for name, module in FORMATS.items()}
    fitting = [name for name, reason in reasons.items() if reason is None]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise DataError(
            f"{root} fits several dataset formats: {', '.join(fitting)}", hint=f"choose one: FORMAT={fitting[0]}"
        )
    lines = "".join(f"\n  {name}: {reason}" for name, reason in sorted(reasons.items()))
    raise DataError(
        f"{root} fits no known dataset format; tried:{lines}",
        hint="DATASET= names the folder that holds the annotations and the images",
    )


def read_dataset(root: Path, *, format_name: str = AUTO, problems: Problems) -> Dataset:
    """Read a dataset folder in the named format, or in the one it is found to be in.

    Raises DataError where there is no dataset, no format fits, or no image is good; what is bad within a
    readable dataset is up to `problems`.
    """
    check_format_name(format_name)
    if not root.is_dir():
        found = "it is a file, not a folder" if root.exists() else "no such folder"
        raise DataError(f"no dataset at {root}: {found}", hint=_WHERE)
    if not has_data(list_folders(root)):
        raise DataError(f"no dataset at {root}: the folder is empty", hint=_WHERE)
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


_WHERE = "put a Supervisely or Pascal VOC export there, or name its folder with DATASET="
