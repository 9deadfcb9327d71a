"""One case of the fuzzing: a sample with a few changes is read, and what comes out has to make sense."""

from __future__ import annotations

import json
import math
import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.datasets.files.tree import is_utf8
from pipeline.datasets.formats.registry import FORMATS, read_dataset
from pipeline.datasets.label_map import format_label_map, read_label_map
from pipeline.datasets.model import Dataset
from pipeline.datasets.problems import Problems
from pipeline.datasets.tf_csv import read_csv, write_csv
from pipeline.errors import DataError
from tests.fuzz.mutations import Files, mutate

SAMPLES = Path(__file__).resolve().parents[1] / "samples"
IN_MEMORY = Path("/dev/shm")


@dataclass(frozen=True, slots=True)
class Sample:
    """A checked-in sample, in memory, and the folder in which it is changed and read."""

    name: str
    format_name: str
    files: Files
    root: Path


@contextmanager
def opened_samples(format_name: str | None = None) -> Iterator[list[Sample]]:
    """Yield all samples, or those of one format, each in a folder of its own that is removed at the end."""
    place = IN_MEMORY if os.access(IN_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="odpipe-fuzz-", dir=place) as folder:
        samples = []
        for path in sorted(SAMPLES.glob("*.expected.json")):
            name = path.name.removesuffix(".expected.json")
            found = json.loads(path.read_text(encoding="utf-8"))["format"]
            if found not in FORMATS or format_name not in (None, found):
                continue
            source = SAMPLES / name
            files = {p.relative_to(source).as_posix(): p.read_bytes() for p in source.rglob("*") if p.is_file()}
            sample = Sample(name, found, files, Path(folder) / name)
            write_files(sample.root, files)
            samples.append(sample)
        yield samples


def write_files(root: Path, files: Files) -> None:
    """Write files below a folder; those whose names no file can have are left out."""
    root.mkdir(exist_ok=True)
    for name, content in files.items():
        path = root / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except OSError:
            continue


@contextmanager
def changed(sample: Sample, files: Files) -> Iterator[None]:
    """Make a sample's folder hold these files, and the sample's own again afterwards."""
    if files.keys() != sample.files.keys():
        shutil.rmtree(sample.root)
        write_files(sample.root, files)
        try:
            yield
        finally:
            shutil.rmtree(sample.root)
            write_files(sample.root, sample.files)
        return
    different = [name for name, content in files.items() if content != sample.files[name]]
    write_files(sample.root, {name: files[name] for name in different})
    try:
        yield
    finally:
        write_files(sample.root, {name: sample.files[name] for name in different})


def run_case(sample: Sample, chance: random.Random) -> str:
    """Change a sample and read it; return how that ended. Raises whatever is not a DataError, or makes no sense."""
    keep_going = chance.random() < 0.7
    with changed(sample, mutate(sample.files, chance)):
        problems = Problems(keep_going=keep_going)
        try:
            dataset = read_dataset(sample.root, format_name=sample.format_name, problems=problems)
        except DataError as error:
            assert str(error)
            # A sentence has to be printable; paths of files that exist are
            assert is_utf8(str(error)), repr(str(error))
            return "refused"
        check_dataset(dataset, sample.root)
        assert keep_going or problems.refused == 0
        assert problems.lost_images >= 0 and problems.lost_boxes >= 0
        for findings in problems.findings.values():
            assert all(is_utf8(finding.message) for finding in findings), findings
        if chance.random() < 0.1:
            check_outputs(dataset, sample.root.parent)
    return "read with losses" if problems.refused else "read"


def check_dataset(dataset: Dataset, root: Path) -> None:
    """See that boxes are inside their images, names are safe and unique, and every label is listed."""
    known = set(dataset.labels)
    assert len(known) == len(dataset.labels) and all(known)
    assert all(is_utf8(label) for label in known)
    names = set()
    real_root = os.path.realpath(root) + os.sep
    for image in dataset.images:
        assert image.name.casefold() not in names, image.name
        names.add(image.name.casefold())
        assert is_utf8(image.name) and not set("/\0") & set(image.name) and image.name not in ("", ".", "..")
        assert os.path.realpath(image.path).startswith(real_root), image.path
        assert image.split in (None, "train", "val", "test")
        assert isinstance(image.width, int) and isinstance(image.height, int) and min(image.width, image.height) > 0
        for box in image.boxes:
            assert box.label in known
            assert all(map(math.isfinite, (box.xmin, box.ymin, box.xmax, box.ymax)))
            assert 0 <= box.xmin < box.xmax <= image.width and 0 <= box.ymin < box.ymax <= image.height, box


def check_outputs(dataset: Dataset, folder: Path) -> None:
    """See that labels and boxes survive being written and read."""
    path = folder / "label_map.pbtxt"
    path.write_text(format_label_map(dataset.labels), encoding="utf-8")
    assert tuple(read_label_map(path)) == dataset.labels
    path = folder / "train.csv"
    write_csv(path, dataset.images)
    copies = read_csv(path, folder)
    assert [(copy.name, copy.width, copy.height, copy.boxes) for copy in copies] == [
        (image.name, image.width, image.height, image.boxes) for image in dataset.images
    ]
