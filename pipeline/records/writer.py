"""Write record files: images are checked and packed by every core, and written in order by one.

The same images, label map, seed and number of shards give the same bytes, whatever the number of cores.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.core_count import count_cores
from pipeline.datasets.files.disk import check_space, explaining_full_disk
from pipeline.datasets.model import Image
from pipeline.errors import DataError
from pipeline.records.examples import Packing
from pipeline.records.packers import Packers, open_packers
from pipeline.tfrecord.framing import OVERHEAD_BYTES

SHARD_BYTES = 100 * 10**6
_FEATURE_BYTES = 1000
_BOX_BYTES = 64


@dataclass(slots=True)
class Written:
    """What was written: images and boxes, and how many images were shrunk, encoded anew or noted, by reason."""

    images: int = 0
    boxes: int = 0
    shrunk: int = 0
    reencoded: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)

    def add(self, other: Written) -> None:
        """Count what was written elsewhere, too."""
        self.images += other.images
        self.boxes += other.boxes
        self.shrunk += other.shrunk
        self.reencoded.update(other.reencoded)
        self.notes.update(other.notes)


def estimate_bytes(images: Iterable[Image]) -> int:
    """Estimate from above what records of these images take on disk, if none must be encoded anew."""
    total = 0
    for image in images:
        try:
            size = os.stat(image.path).st_size
        except OSError:
            size = 0
        total += size + OVERHEAD_BYTES + _FEATURE_BYTES + _BOX_BYTES * len(image.boxes) + 2 * len(image.name)
    return total


def shuffle(images: Sequence[Image], *, seed: int) -> list[Image]:
    """Order images by a hash of the seed and their names: the same on every machine and version of Python."""
    return sorted(images, key=lambda image: hashlib.sha256(f"{seed}:{image.name}".encode()).digest())


def choose_shards(needed_bytes: int, images: int, *, shards: int | None) -> int:
    """Choose the number of shards: the one asked for, else one for each 100 MB; at most one an image."""
    wanted = shards if shards is not None else -(-needed_bytes // SHARD_BYTES)
    return max(1, min(wanted, images))


def write_records(
    paths: Sequence[Path],
    images: Sequence[Image],
    packing: Packing | Mapping[str, int],
    *,
    shown: Path | None = None,
    packers: Packers | None = None,
    needed_bytes: int | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> Written:
    """Write images, in their order, to the given shards in turn; `packing` may be just the ids of the labels.

    `shown` is what is written as people know it, for messages: the shards are usually written aside.
    `needed_bytes` is `estimate_bytes` of the images, where it is known. Raises DataError for the first image, in
    that order, that cannot be used, and StageError where the disk is full; half-written files are the caller's to
    remove (see `disk.written_aside`).
    """
    shown = shown or paths[0]
    if not images:
        raise DataError(f"no images for {shown}")
    needed = estimate_bytes(images) if needed_bytes is None else needed_bytes
    check_space(paths[0], needed, shown=shown)
    written = Written()
    with explaining_full_disk(shown, needed), ExitStack() as stack:
        packers = packers or stack.enter_context(open_packers(count_cores()))
        files = [stack.enter_context(path.open("wb")) for path in paths]
        packing = packing if isinstance(packing, Packing) else Packing(dict(packing))
        for frame, facts in packers.pack(images, packing):
            files[written.images % len(files)].writelines(frame)
            written.images += 1
            written.boxes += facts.boxes
            written.shrunk += facts.shrunk
            if facts.reason:
                written.reencoded[facts.reason] += 1
            written.notes.update(facts.notes)
            progress(written.images)
        for file in files:
            # Close here: what a buffer still holds may be what does not fit on the disk.
            file.close()
    return written
