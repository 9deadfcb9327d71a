"""The processes that pack images, and how what they packed comes back: through shared memory, in order.

Sent through the pipes of a process pool, every image would be copied five times and the writing process would be
the slowest. Each batch has a place in a memory that all processes share; a record that does not fit goes through
the pipe.
"""

from __future__ import annotations

import gc
import mmap
import multiprocessing
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager

from pipeline.cores import BATCHES_AHEAD, begin_worker
from pipeline.datasets.model import Image
from pipeline.records.examples import Facts, Packing, pack_image
from pipeline.tfrecord.framing import to_frame

BATCH = 16
PLACE_BYTES = 4 * 2**20
"""Of a batch: sixteen photos of 250 KB."""
Frame = Sequence[bytes | memoryview]


class Packers:
    """Packs images on every core."""

    def __init__(self, workers: int, pool: ProcessPoolExecutor | None, memory: mmap.mmap | None) -> None:
        """Take the pool of `workers` processes, None for this process, and the memory that they share, if they do."""
        self._workers = workers
        self._pool = pool
        self._memory = memory

    def pack(self, images: Sequence[Image], packing: Packing) -> Iterator[tuple[Frame, Facts]]:
        """Yield the records of images in their order, each as the pieces of its frame, valid until the next one.

        Raises DataError for the first image that cannot be used.
        """
        batches = range(0, len(images), BATCH)
        if self._pool is None or len(batches) == 1:
            for image in images:
                data, facts = pack_image(image, packing)
                yield to_frame(data), facts
            return
        places = self._workers * BATCHES_AHEAD
        waiting: deque[tuple[int, Future[list[tuple[Frame | int, Facts]]]]] = deque()
        try:
            for number, start in enumerate(batches):
                if len(waiting) == places:  # and so the place of the batch that is taken is free again
                    yield from self._take(*waiting.popleft())
                place = number % places
                future = self._pool.submit(_pack_batch, images[start : start + BATCH], packing, place)
                waiting.append((place, future))
            while waiting:
                yield from self._take(*waiting.popleft())
        finally:
            for _, future in waiting:
                future.cancel()

    def _take(self, place: int, future: Future[list[tuple[Frame | int, Facts]]]) -> Iterator[tuple[Frame, Facts]]:
        position = place * PLACE_BYTES
        with memoryview(self._memory or b"") as memory:
            for frame, facts in future.result():
                if not isinstance(frame, int):
                    yield frame, facts
                    continue
                with memory[position : position + frame] as view:
                    yield (view,), facts
                position += frame


@contextmanager
def open_packers(workers: int) -> Iterator[Packers]:
    """Yield packers whose processes have started already.

    Open them before much is read: a process is as large as the one that it was forked from, and forking is safe
    only while there are no threads. Forking starts one in milliseconds, a new interpreter in a second.
    """
    if workers == 1:
        yield Packers(1, None, None)
        return
    can_fork = "fork" in multiprocessing.get_all_start_methods()
    memory = mmap.mmap(-1, workers * BATCHES_AHEAD * PLACE_BYTES) if can_fork else None
    context = multiprocessing.get_context("fork" if can_fork else None)
    gc.freeze()  # else collections in the processes touch, and so copy, every page of their parent
    try:
        # What is forked inherits the arguments of its initializer; only they need not be sent.
        with ProcessPoolExecutor(
            workers, mp_context=context, initializer=_begin, initargs=(os.getpid(), memory)
        ) as pool:
            pool.submit(int).result()
            yield Packers(workers, pool, memory)
    finally:
        gc.unfreeze()


_memory: mmap.mmap | None = None


def _begin(parent: int, memory: mmap.mmap | None) -> None:
    global _memory
    _memory = memory
    begin_worker(parent)


def _pack_batch(images: Sequence[Image], packing: Packing, place: int) -> list[tuple[Frame | int, Facts]]:
    """Pack images into a place of the memory; return each one's length there, or the record where it has no room."""
    position, end = place * PLACE_BYTES, (place + 1) * PLACE_BYTES
    answers: list[tuple[Frame | int, Facts]] = []
    for image in images:
        data, facts = pack_image(image, packing)
        frame = to_frame(data)
        length = sum(map(len, frame))
        if _memory is None or position + length > end:
            answers.append((frame, facts))
            continue
        for piece in frame:
            _memory[position : position + len(piece)] = piece
            position += len(piece)
        answers.append((length, facts))
    return answers
