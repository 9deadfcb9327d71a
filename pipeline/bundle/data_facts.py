"""What a card says of the data: how many images and boxes of each class each split has, and under which licence."""

from __future__ import annotations

import csv
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.receipts import read_json

SPLITS = ("train", "test")
LICENCE_FILES = (
    "LICENSE*",
    "LICENCE*",
    "license*",
    "licence*",
    "COPYING*",
    "README.roboflow.txt",
    "README.dataset.txt",
)
LICENCE_LINE = re.compile(r"^\W*licen[cs]e\s*[:=]\s*(?P<name>\S.*)$", re.IGNORECASE | re.MULTILINE)
LICENCE_TITLE = re.compile(r"\b(licen[cs]e|creative commons|public domain|CC[ -]BY|CC0)\b", re.IGNORECASE)
READ_CHARACTERS = 4000


@dataclass(frozen=True, slots=True)
class DataFacts:
    """A dataset as it was used: {split: images}, {split: boxes}, {class: {split: boxes}}; empty where nobody knows."""

    name: str
    format: str | None = None
    images: dict[str, int] = field(default_factory=dict)
    boxes: dict[str, int] = field(default_factory=dict)
    classes: dict[str, dict[str, int]] = field(default_factory=dict)
    licence: str | None = None


def read_data_facts(
    name: str, *, check: Path, records: Path, tables: Path, dataset: Path | None, class_names: list[str]
) -> DataFacts:
    """Gather what check.json, records.json and the csv tables say; each of them may be missing."""
    checked = read_json(str(check)) or {}
    written = read_json(str(records)) or {}
    counted = {split: count_boxes(tables / f"{split}.csv") for split in SPLITS}
    return DataFacts(
        name=name,
        format=checked.get("format"),
        images={split: written[split]["images"] for split in SPLITS if split in written}
        or dict(checked.get("splits", {})),
        boxes={split: written[split]["boxes"] for split in SPLITS if split in written},
        classes={
            label: {split: found[label] for split, found in counted.items() if found is not None}
            or _of_all(written.get("classes") or checked.get("classes"), label)
            for label in class_names
        },
        licence=find_licence(dataset) if dataset else None,
    )


def _of_all(classes: Any, label: str) -> dict[str, int]:
    return {"all": classes[label]} if classes and label in classes else {}


def count_boxes(table: Path) -> Counter[str] | None:
    """Count the boxes of each class in a csv of filename,width,height,class,...; None when it is not there."""
    try:
        with table.open(encoding="utf-8", newline="") as file:
            return Counter(row["class"] for row in csv.DictReader(file) if row.get("xmin"))
    except OSError:
        return None


def find_licence(dataset: Path) -> str | None:
    """Return what a file beside the images says of their licence, and the file's name; None when none does."""
    if not dataset.is_dir():
        return None
    for pattern in LICENCE_FILES:
        for path in sorted(dataset.glob(pattern)):
            try:
                text = path.read_text(encoding="utf-8", errors="replace")[:READ_CHARACTERS] if path.is_file() else ""
            except OSError:
                continue
            said = LICENCE_LINE.search(text)
            title = next((line.strip(" #*") for line in text.splitlines()[:5] if LICENCE_TITLE.search(line)), None)
            if said or title:
                return f"{(said['name'] if said else title or '').strip()[:120]} (its file {path.name})"
    return None
