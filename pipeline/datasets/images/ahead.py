"""What all cores read of a dataset: headers of images while this process reads annotations, and annotations.

A header is a short read and a tenth of a millisecond of Pillow, for which a reader would wait an image at a time.
Where annotations are a file an image, `map_ahead` has them parsed.
"""

from __future__ import annotations

import multiprocessing
import os
from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TypeVar

from pipeline.cores import BATCHES_AHEAD, begin_worker, in_batches
from pipeline.datasets.files.tree import is_image_name
from pipeline.datasets.images.frame import Header, read_header
from pipeline.datasets.images.known import knowing
from pipeline.errors import DataError

_BATCH = 128
_FEWEST = 256
"""With fewer images than these nobody waits."""
_NUMBERS = 3
_Result = TypeVar("_Result")


class Ahead:
    """Reads ahead; of headers, it is a `known.Source`."""

    def __init__(self, pool: ProcessPoolExecutor, workers: int) -> None:
        """Take the processes that are to read."""
        self._pool = pool
        self._workers = workers
        self._folders: dict[str, _Folder] = {}

    def begin(self, folders: dict[Path, list[str]]) -> None:
        """Begin to read the headers of all images in folders as `tree.list_folders` gives them: names are sorted."""
        images = {folder: [name for name in names if is_image_name(name)] for folder, names in folders.items()}
        if sum(map(len, images.values())) < _FEWEST:
            return
        for folder, names in images.items():
            batches = (names[start : start + _BATCH] for start in range(0, len(names), _BATCH))
            futures = [self._submit(_read_headers, str(folder), batch) for batch in batches]
            self._folders[str(folder)] = _Folder(names, futures)

    def find_header(self, path: Path) -> Header | None:
        """Return the header of an image, waiting for it if it is under way."""
        where, name = os.path.split(path)
        folder = self._folders.get(where)
        return folder.find(name) if folder else None

    def find_sha256(self, path: Path) -> str | None:
        """Know nothing: reading whole files ahead would be in vain where a dataset says its split."""
        return None

    def map(self, function: Callable[[list[str]], _Result], paths: Iterable[str]) -> Iterator[_Result]:
        """Yield function(paths) of batches of paths, in order; only a few batches are on their way at a time."""
        waiting: deque[tuple[list[str], Future[_Result]]] = deque()
        try:
            for batch in in_batches(paths, _BATCH):
                waiting.append((batch, self._submit(function, batch)))
                if len(waiting) >= self._workers * BATCHES_AHEAD:
                    yield self._take(function, *waiting.popleft())
            while waiting:
                yield self._take(function, *waiting.popleft())
        finally:
            for _, future in waiting:
                future.cancel()

    def _submit(self, function: Callable[..., _Result], *arguments: object) -> Future[_Result]:
        try:
            return self._pool.submit(function, *arguments)
        except BrokenProcessPool:
            none: Future[_Result] = Future()
            none.cancel()
            return none

    def _take(self, function: Callable[[list[str]], _Result], batch: list[str], future: Future[_Result]) -> _Result:
        try:
            return future.result()
        except (BrokenProcessPool, CancelledError):
            return function(batch)


_ahead: ContextVar[Ahead | None] = ContextVar("ahead", default=None)


@contextmanager
def using(ahead: Ahead | None) -> Iterator[None]:
    """Let `map_ahead` use these processes, and headers that they read be known."""
    token = _ahead.set(ahead)
    try:
        with knowing(*([ahead] if ahead else [])):
            yield
    finally:
        _ahead.reset(token)


def map_ahead(function: Callable[[list[str]], _Result], paths: Iterable[str]) -> Iterator[_Result]:
    """Yield function(paths) of batches of paths, in order: by all cores if they are used, else by this process.

    The function is that of a module, and raises nothing; what it returns is sent through a pipe.
    """
    if ahead := _ahead.get():
        return ahead.map(function, paths)
    return map(function, in_batches(paths, _BATCH))


class _Folder:
    """The headers of one folder, three numbers each; zeros where the image itself is to be asked."""

    def __init__(self, names: list[str], futures: Sequence[Future[bytes]]) -> None:
        self._names = names
        self._waiting: list[Future[bytes] | None] = list(futures)
        self._numbers = array("i", bytes(4 * _NUMBERS * len(names)))

    def find(self, name: str) -> Header | None:
        place = bisect_left(self._names, name)
        if place == len(self._names) or self._names[place] != name:
            return None
        if future := self._waiting[place // _BATCH]:
            self._waiting[place // _BATCH] = None
            self._take(place // _BATCH * _BATCH * _NUMBERS, future)
        width, height, orientation = self._numbers[place * _NUMBERS : (place + 1) * _NUMBERS]
        return Header(width, height, orientation) if orientation else None

    def _take(self, start: int, future: Future[bytes]) -> None:
        try:
            numbers = array("i", future.result())
        except (BrokenProcessPool, CancelledError):  # the reader will find the culprit
            return
        self._numbers[start : start + len(numbers)] = numbers


def _read_headers(folder: str, names: list[str]) -> bytes:
    numbers = array("i")
    for name in names:
        try:
            header = read_header(Path(folder, name))
            numbers.extend((header.width, header.height, header.orientation))
        except (DataError, OverflowError):
            numbers.extend((0,) * _NUMBERS)
    return numbers.tobytes()


@contextmanager
def reading_ahead(workers: int) -> Iterator[Ahead | None]:
    """Yield what reads headers ahead, None where there is one core only.

    Begin before much is read, and before there are threads: the processes are forked.
    """
    if workers < 2 or "fork" not in multiprocessing.get_all_start_methods():
        yield None
        return
    context = multiprocessing.get_context("fork")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=begin_worker, initargs=(os.getpid(),))
    try:
        pool.submit(int).result()
        yield Ahead(pool, workers)
    finally:
        pool.shutdown(cancel_futures=True)
