"""The test images that a drop is explained on: evenly spread over the split, the same ones in every step."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipeline.errors import DataError
from pipeline.records import read_examples
from pipeline.records.examples import Example


def count_images(records_dir: Path) -> int:
    """Count the test images of a run; raises DataError when there are no test records."""
    return sum(1 for path in find_records(records_dir) for _ in read_examples(path))


def find_records(records_dir: Path) -> list[Path]:
    """Find the test records; raises DataError when there are none."""
    paths = sorted(records_dir.glob("test.record-*"))
    if not paths:
        raise DataError(f"there are no test records (test.record-*) in {records_dir}", hint="make records DATASET=...")
    return paths


def choose_images(records_dir: Path, wanted: int) -> Iterator[Example]:
    """Yield `wanted` test images, evenly spread in their order; all of them where there are fewer."""
    total = count_images(records_dir)
    chosen = min(total, wanted)
    examples = (example for path in find_records(records_dir) for example in read_examples(path))
    for index, example in enumerate(examples):
        # The image at which the share of images so far reaches the next whole number
        if index * chosen // total != (index + 1) * chosen // total:
            yield example


def decode(example: Example) -> npt.NDArray[np.uint8]:
    """Decode a record's image: RGB [height, width, 3]."""
    return np.asarray(Image.open(io.BytesIO(example.encoded)).convert("RGB"))
