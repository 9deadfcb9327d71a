"""The processes that decode images, one a core: a decoder that crashes or runs out of memory takes no more with it.

What a process finds is kept in a cache file (see inspected_images.py), so that a second check looks only into what is
new.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import resource
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from pipeline.checks.inspected_images import (
    Inspected,
    InspectedImages,
    KnownImages,
    read_known,
    read_stamp,
    write_known,
)
from pipeline.checks.inspection import inspect_image
from pipeline.checks.review import file_key
from pipeline.cores import begin_worker, in_batches
from pipeline.datasets.images.ahead import Ahead
from pipeline.datasets.images.frame import Header
from pipeline.datasets.model import Embedded, Image

BATCH = 16
BATCHES_AHEAD = 4
MEMORY_BYTES = 2 * 10**9
"""What a process may use more than it began with; the largest allowed image takes 0.9 GB."""
CRASHED = Inspected(kind="image_unreadable", reason="cannot be decoded: the decoder crashes on it")
_Task = tuple[str, Embedded | None]
_Found = tuple[str, int | None, str, str, str, Header | None]
"""The fields of an `Inspected`, which pickle faster."""


class Inspectors:
    """Inspects images on every core, in their order."""

    def __init__(self, workers: int) -> None:
        """Start the processes. Do so before much is read: a process is as large as the one it was forked from."""
        self._workers = workers
        can_fork = "fork" in multiprocessing.get_all_start_methods()
        self._context = multiprocessing.get_context("fork" if can_fork else None)
        self._heavy = self._context.Lock()
        gc.freeze()  # else collections in the processes touch, and so copy, every page of their parent
        self._pool = self._start(workers)

    def to_ahead(self) -> Ahead:
        """Let these processes read a dataset, before they inspect its images."""
        return Ahead(self._pool, self._workers)

    def close(self) -> None:
        """End the processes, without waiting for what has not begun."""
        self._pool.shutdown(cancel_futures=True)
        gc.unfreeze()

    def inspect(self, tasks: Iterable[_Task]) -> Iterator[Inspected]:
        """Yield what was found in each image, in order; only a few batches are on their way at a time."""
        waiting: deque[tuple[list[_Task], Future[list[_Found]]]] = deque()
        try:
            for batch in in_batches(tasks, BATCH):
                waiting.append((batch, self._submit(batch)))
                if len(waiting) >= self._workers * BATCHES_AHEAD:
                    yield from self._take(*waiting.popleft())
            while waiting:
                yield from self._take(*waiting.popleft())
        finally:
            for _, future in waiting:
                future.cancel()

    def _start(self, workers: int) -> ProcessPoolExecutor:
        pool = ProcessPoolExecutor(
            workers, mp_context=self._context, initializer=_begin, initargs=(os.getpid(), self._heavy)
        )
        pool.submit(int).result()
        return pool

    def _submit(self, batch: list[_Task]) -> Future[list[_Found]]:
        try:
            return self._pool.submit(_inspect_batch, batch)
        except BrokenProcessPool:
            self._heavy = self._context.Lock()  # the one that crashed may have held it
            self._pool = self._start(self._workers)
            return self._pool.submit(_inspect_batch, batch)

    def _take(self, batch: list[_Task], future: Future[list[_Found]]) -> list[Inspected]:
        try:
            return [Inspected(*found) for found in future.result()]
        except BrokenProcessPool:
            # One of those under way was the culprit: each by itself tells which
            return [self._take_one(task) for task in batch]

    def _take_one(self, task: _Task) -> Inspected:
        try:
            return Inspected(*self._submit([task]).result()[0])
        except BrokenProcessPool:
            return CRASHED


@contextmanager
def open_inspectors(workers: int) -> Iterator[Inspectors]:
    """Yield inspectors whose processes have started already, and end them."""
    inspectors = Inspectors(workers)
    try:
        yield inspectors
    finally:
        inspectors.close()


_heavy: AbstractContextManager[object] | None = None


def _begin(parent: int, heavy: AbstractContextManager[object]) -> None:
    global _heavy
    _heavy = heavy
    begin_worker(parent)
    with suppress(OSError, ValueError):
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        limit = used + MEMORY_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


def _inspect_batch(batch: list[_Task]) -> list[_Found]:
    inspected = (inspect_image(Path(path), embedded, heavy=_heavy) for path, embedded in batch)
    return [(one.sha256, one.look, one.format, one.kind, one.reason, one.header) for one in inspected]


def inspect_images(
    images: Sequence[Image],
    root: Path,
    inspectors: Inspectors,
    *,
    cache_file: Path | None = None,
    known: KnownImages | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> InspectedImages:
    """Inspect the images of a dataset at `root`, in their order, and remember it in the cache file.

    `known` is the content of that file, if it was read before.
    """
    found = InspectedImages(len(images))
    stamps = array("q")
    missing = array("i")
    known = read_known(cache_file, root) if known is None else known
    for index, image in enumerate(images):
        stamp = read_stamp(image.path)
        stamps.extend(stamp)
        if inspected := known.find(file_key(image, root), stamp):
            found.set(index, inspected)
        else:
            missing.append(index)
    done = len(images) - len(missing)
    tasks = ((str(images[index].path), images[index].embedded) for index in missing)
    try:
        for index, inspected in zip(missing, inspectors.inspect(tasks), strict=True):
            found.set(index, inspected)
            done += 1
            progress(done)
    finally:  # what was done before ^C need not be done again
        if cache_file is not None and missing:
            write_known(cache_file, [file_key(image, root) for image in images], stamps, found)
    return found
