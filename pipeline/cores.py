"""Work on every core, in batches, in order, and with flat memory.

Batches are handed out as results are taken: mapping over 200,000 images never holds more than a few of them.
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from typing import TypeVar

from pipeline.core_count import count_cores

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

BATCHES_AHEAD = 4
"""Batches that wait for each worker: enough to keep it busy, few enough to keep memory flat."""
_PR_SET_PDEATHSIG = 1


def in_batches(items: Iterable[_Item], size: int) -> Iterator[list[_Item]]:
    """Cut items into lists of `size`; the last one may be shorter."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def map_batches(
    pool: Executor,
    function: Callable[[list[_Item]], Sequence[_Result]],
    items: Iterable[_Item],
    *,
    workers: int,
    size: int,
) -> Iterator[_Result]:
    """Yield the results of a function that takes a batch, one by one, in the order of the items."""
    waiting: deque[Future[Sequence[_Result]]] = deque()
    try:
        for batch in in_batches(items, size):
            waiting.append(pool.submit(function, batch))
            if len(waiting) >= workers * BATCHES_AHEAD:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def map_in_threads(
    function: Callable[[_Item], _Result], items: Iterable[_Item], *, size: int = 32
) -> Iterator[_Result]:
    """Yield function(item) in the order of the items: for work that waits or leaves the interpreter (files, hashes)."""
    workers = count_cores()
    with ThreadPoolExecutor(workers) as pool:
        yield from map_batches(
            pool, lambda batch: [function(item) for item in batch], items, workers=workers, size=size
        )


def begin_worker(parent: int) -> None:
    """Begin a process that works for the process `parent`, and ends with it.

    ^C reaches the whole process group; the parent ends its pool, and a worker's traceback would only be noise.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(OSError, AttributeError):  # not Linux
        # Without it a killed parent leaves processes that wait for ever, and hold the lock of the stage
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
