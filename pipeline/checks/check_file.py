"""What the check of a dataset found, as a file: output/NAME/check.json, which the training goes by.

    {"format": "voc", "images": 200, "boxes": 217, "classes": {"raccoon": 215}, "splits": {"train": 160, "test": 38},
     "findings": {"image_truncated": 2}, "usable_images": 198, "usable_boxes": 215,
     "items": [{"kind": "image_truncated", "message": "input/voc/a.jpg: cannot be decoded: ...", "hint": null}],
     "unusable_files": ["a.jpg"], "unusable_names": ["a.jpg"]}

`classes` and `splits` count what is usable. `unusable_files` are those that a reader lets through: it does not decode.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from pipeline.datasets.findings import KINDS
from pipeline.datasets.model import Dataset, count_boxes
from pipeline.datasets.problems import Finding, Problems
from pipeline.datasets.splitting.split import Split
from pipeline.errors import DataError

PUBLIC = ("format", "images", "boxes", "classes", "splits", "findings", "usable_images", "usable_boxes")
"""What `odpipe check --json` prints."""


class Item(msgspec.Struct, frozen=True):
    """One finding."""

    kind: str
    message: str
    hint: str | None = None


class Check(msgspec.Struct, frozen=True):
    """The content of check.json."""

    format: str
    images: int
    boxes: int
    classes: dict[str, int]
    splits: dict[str, int]
    findings: dict[str, int]
    usable_images: int
    usable_boxes: int
    items: list[Item]
    unusable_files: list[str]
    unusable_names: list[str]

    @property
    def refused(self) -> dict[str, int]:
        """The findings of each kind that make the dataset unusable as it is."""
        return {kind: count for kind, count in self.findings.items() if KINDS[kind].refused}

    def to_public(self) -> dict[str, Any]:
        """Return what is for other programs."""
        return {name: getattr(self, name) for name in PUBLIC}


def make_check(
    dataset: Dataset,
    split: Split | None,
    problems: Problems,
    *,
    unusable_files: Sequence[str] = (),
    unusable_names: Sequence[str] = (),
) -> Check:
    """Count what was read and what was found. `dataset` holds what is usable; `split` is None where there is none."""
    boxes = count_boxes(dataset.images)
    findings = {kind: problems.counts[kind] for kind in KINDS if problems.counts[kind]}
    return Check(
        format=dataset.format,
        images=len(dataset.images) + problems.lost_images,
        boxes=boxes.total() + problems.lost_boxes,
        classes={label: boxes[label] for label in dataset.labels},
        splits=count_splits(dataset, split),
        findings=findings,
        usable_images=len(dataset.images),
        usable_boxes=boxes.total(),
        items=[Item(one.kind, one.message, one.hint) for kind in findings for one in problems.findings[kind]],
        unusable_files=sorted(unusable_files),
        unusable_names=sorted(unusable_names),
    )


def count_splits(dataset: Dataset, split: Split | None) -> dict[str, int]:
    """Count the images of train, val and test: as the dataset calls them where its split is honoured."""
    if split is None:
        return {"train": len(dataset.images)} if dataset.images else {}
    said = {image.split for image in dataset.images}
    is_said = "train" in said and len(said & {"val", "test"}) > 0
    counts = {"train": len(split.train), "val": 0, "test": 0}
    for image in split.test:
        counts["val" if is_said and image.split == "val" else "test"] += 1
    return {name: count for name, count in counts.items() if count}


def write_check(path: Path, check: Check) -> None:
    """Write check.json: the same bytes for the same findings."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(check), indent=1) + b"\n")


def read_check(path: Path) -> Check:
    """Read check.json. Raises DataError where it is missing or none of ours."""
    try:
        check = msgspec.json.decode(path.read_bytes(), type=Check)
    except OSError as error:
        raise DataError(f"no check at {path}: {error.strerror}", hint="make check DATASET=... writes it") from error
    except msgspec.DecodeError as error:
        raise DataError(f"{path}: not what make check writes: {error}", hint="remove it, and check again") from error
    unknown = sorted({*check.findings, *(item.kind for item in check.items)} - set(KINDS))
    if unknown:
        raise DataError(f"{path}: unknown kind of finding {unknown[0]!r}", hint="remove it, and check again")
    return check


def describe_refused(check: Check) -> str:
    """Format for people: 9 x box outside its image, 3 x image that is cut short or broken."""
    ordered = sorted(check.refused.items(), key=lambda item: -item[1])
    return ", ".join(f"{count} x {KINDS[kind].title}" for kind, count in ordered)


def refuse_unusable(check: Check, *, dataset: str, page: str) -> None:
    """Raise DataError where the check found items that cannot be used. Both names are those that people know."""
    count = sum(check.refused.values())
    if not count:
        return
    first = next((item.message for item in check.items if item.kind in check.refused), "")
    raise DataError(
        f"{'1 item' if count == 1 else f'{count} items'} of {dataset} cannot be used: {describe_refused(check)}; "
        f"first: {first}",
        hint=f"look at {page}, mend them, or leave them out with KEEP_GOING=1",
    )


def rename_root(problems: Problems, *, root: str, shown: str) -> None:
    """Name the dataset as people know it in all findings: it may be mounted or unpacked elsewhere."""
    if root == shown:
        return
    for kind, findings in problems.findings.items():
        problems.findings[kind] = [
            Finding(kind, one.message.replace(root, shown), one.hint and one.hint.replace(root, shown))
            for one in findings
        ]
