"""Write record files: images are checked and packed by every core, and written in order by one.

The same images, label map, seed and number of shards give the same bytes, whatever the number of cores.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.datasets.disk import check_space, explaining_full_disk
from pipeline.datasets.model import Image
from pipeline.errors import DataError
from pipeline.records.examples import PackedImage, pack_image
from pipeline.records.framing import OVERHEAD_BYTES, to_frame

SHARD_BYTES = 100 * 10**6
_BATCH = 8
_BATCHES_AHEAD = 4
"""Batches that wait for each worker: enough to keep it busy, few enough to keep memory flat."""
_FEATURE_BYTES = 1000
_BOX_BYTES = 60


@dataclass(slots=True)
class Written:
    """What was written: images and boxes, and how many images were encoded anew or noted, by reason."""

    images: int = 0
    boxes: int = 0
    reencoded: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)


def estimate_bytes(images: Iterable[Image]) -> int:
    """Estimate from above what records of these images take on disk, if none must be encoded anew."""
    total = 0
    for image in images:
        size = image.path.stat().st_size if image.path.is_file() else 0
        total += size + OVERHEAD_BYTES + _FEATURE_BYTES + _BOX_BYTES * len(image.boxes) + 2 * len(image.name)
    return total


def shuffle(images: Sequence[Image], *, seed: int) -> list[Image]:
    """Order images by a hash of the seed and their names: the same on every machine and version of Python."""
    return sorted(images, key=lambda image: hashlib.sha256(f"{seed}:{image.name}".encode()).digest())


def choose_shards(images: Sequence[Image], *, shards: int | None) -> int:
    """Choose the number of shards: the one asked for, else one for each 100 MB; at most one an image."""
    wanted = shards if shards is not None else -(-estimate_bytes(images) // SHARD_BYTES)
    return max(1, min(wanted, len(images)))


def write_records(
    paths: Sequence[Path],
    images: Sequence[Image],
    label_ids: Mapping[str, int],
    *,
    shown: Path | None = None,
    jpeg_word: str = "jpeg",
    workers: int | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> Written:
    """Write images, in their order, to the given shards in turn.

    `shown` is what is written as people know it, for messages: the shards are usually written aside.
    Raises DataError for the first image, in that order, that cannot be used, and StageError where the disk
    is full; half-written files are the caller's to remove (see `disk.written_aside`).
    """
    shown = shown or paths[0]
    if not images:
        raise DataError(f"no images for {shown}")
    needed = estimate_bytes(images)
    check_space(paths[0], needed, shown=shown)
    written = Written()
    with explaining_full_disk(shown, needed), ExitStack() as stack:
        files = [stack.enter_context(path.open("wb")) for path in paths]
        packed = _pack_all(images, dict(label_ids), jpeg_word, workers or count_cores())
        for image, result in zip(images, packed, strict=True):
            files[written.images % len(files)].writelines(to_frame(result.data))
            written.images += 1
            written.boxes += len(image.boxes)
            if result.reason:
                written.reencoded[result.reason] += 1
            written.notes.update(result.notes)
            progress(written.images)
        for file in files:
            # Close here: what a buffer still holds may be what does not fit on the disk.
            file.close()
    return written


def count_cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _pack_all(
    images: Sequence[Image], label_ids: dict[str, int], jpeg_word: str, workers: int
) -> Iterator[PackedImage]:
    batches = [images[start : start + _BATCH] for start in range(0, len(images), _BATCH)]
    if workers == 1 or len(batches) == 1:
        for batch in batches:
            yield from _pack_batch(batch, label_ids, jpeg_word)
        return
    # Forking starts a worker in milliseconds, a new interpreter in a second; this process has no threads yet.
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("fork" if "fork" in methods else None)
    waiting: deque[Future[list[PackedImage]]] = deque()
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_ignore_interrupts) as pool:
        try:
            for batch in batches:
                waiting.append(pool.submit(_pack_batch, batch, label_ids, jpeg_word))
                if len(waiting) >= workers * _BATCHES_AHEAD:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _ignore_interrupts() -> None:
    # ^C reaches the whole process group; the parent ends the pool, and a worker's traceback would only be
    # noise.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _pack_batch(images: Sequence[Image], label_ids: dict[str, int], jpeg_word: str) -> list[PackedImage]:
    return [pack_image(image, label_ids, jpeg_word=jpeg_word) for image in images]
