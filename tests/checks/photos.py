"""Pictures that look different from one another, and the check run on a folder, for the tests of the check."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

from pipeline.checks.check_file import Check, read_check
from pipeline.jobs import check
from tests.datasets.drawing import Project

SIZE = (120, 90)
FIRST_DATASETS = ("train", "val")


def make_photo(seed: int, *, size: tuple[int, int] = SIZE) -> Pillow.Image:
    """Make a picture with detail everywhere; another seed is another picture."""
    random = np.random.default_rng(seed)
    small = Pillow.fromarray(random.integers(0, 256, (10, 12, 3), np.uint8))
    return small.resize(size, Pillow.Resampling.BICUBIC)


class Photos(Project):
    """A Supervisely project whose images are such pictures."""

    def add_photo(self, name: str, *objects: Any, dataset: str = "ds", seed: int | None = None, **options: Any) -> Path:
        """Add an image and its annotation; return the image."""
        self.add(name, *objects, dataset=dataset, size=SIZE)
        path = self.root / dataset / "img" / name
        make_photo(sum(map(ord, f"{dataset}/{name}")) if seed is None else seed).save(path, **options)
        return path


def run_check(dataset: Path, out: Path, *flags: str) -> Check:
    """Run the job on a dataset and return what it wrote."""
    out.mkdir(exist_ok=True)
    written = ("--check-file", str(out / "check.json"), "--page", str(out / "dataset.html"))
    check.main(["--dataset", str(dataset), *written, "--workers", "2", *flags])
    return read_check(out / "check.json")
