"""The processes that decode images, one a core: a decoder that crashes or runs out of memory takes no more with it.

What a process finds is kept in a cache file, by path, size and time of the image, so that a second check looks only
into what is new. The file may be deleted at any time.
"""

from __future__ import annotations

import ctypes
import gc
import hashlib
import multiprocessing
import os
import resource
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import msgspec
import PIL

from pipeline.checks import inspection
from pipeline.checks.inspection import Inspected, inspect_image
from pipeline.checks.review import file_key
from pipeline.cores import in_batches
from pipeline.datasets.model import Embedded, Image

BATCH = 16
BATCHES_AHEAD = 4
MEMORY_BYTES = 2 * 10**9
"""What a process may use more than it began with; the largest allowed image takes 0.9 GB."""
CRASHED = Inspected(kind="image_unreadable", reason="cannot be decoded: the decoder crashes on it")
_PR_SET_PDEATHSIG = 1
_Task = tuple[str, Embedded | None]
_Found = tuple[str, int | None, str, str, str]
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

    def close(self) -> None:
        """End the processes, without waiting for what has not begun."""
        self._pool.shutdown(cancel_futures=True)
        gc.unfreeze()

    def inspect(self, tasks: Sequence[_Task]) -> Iterator[Inspected]:
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
    # ^C reaches the whole process group; the parent ends the pool, and a worker's traceback would only be noise.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(OSError, AttributeError):  # not Linux
        # Without it a killed parent leaves processes that wait for ever, and hold the lock of the stage
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
    with suppress(OSError, ValueError):
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        limit = used + MEMORY_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


def _inspect_batch(batch: list[_Task]) -> list[_Found]:
    inspected = (inspect_image(Path(path), embedded, heavy=_heavy) for path, embedded in batch)
    return [(one.sha256, one.look, one.format, one.kind, one.reason) for one in inspected]


_Entry = tuple[int, int, str, str, str, str, str]


def inspect_images(
    images: Sequence[Image],
    root: Path,
    inspectors: Inspectors,
    *,
    cache_file: Path | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> list[Inspected]:
    """Inspect the images of a dataset at `root`, in their order, and remember it in the cache file."""
    cache = _read_cache(cache_file)
    keys = [file_key(image, root) for image in images]
    stamps = [_stamp(image.path) for image in images]
    found: list[Inspected | None] = [
        _from_entry(cache.get(key), stamp) for key, stamp in zip(keys, stamps, strict=True)
    ]
    del cache
    missing = [index for index, inspected in enumerate(found) if inspected is None]
    done = len(images) - len(missing)
    tasks = [(str(images[index].path), images[index].embedded) for index in missing]
    try:
        for index, inspected in zip(missing, inspectors.inspect(tasks), strict=True):
            found[index] = inspected
            done += 1
            progress(done)
    finally:  # what was done before ^C need not be done again
        if cache_file is not None and missing:
            _write_cache(cache_file, keys, stamps, found)
    return [inspected for inspected in found if inspected is not None]


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = os.stat(path)
    except OSError:
        return (-1, -1)
    return (status.st_size, status.st_mtime_ns)


def _version() -> str:
    """Name all that decides what is found, so that a change of it makes the cache worthless."""
    code = Path(inspection.__file__).read_bytes()
    return f"Pillow {PIL.__version__}, inspection {hashlib.sha256(code).hexdigest()[:16]}"


def _read_cache(path: Path | None) -> dict[str, _Entry]:
    if path is None:
        return {}
    try:
        version, entries = msgspec.json.decode(path.read_bytes(), type=tuple[str, dict[str, _Entry]])
    except (OSError, msgspec.DecodeError):
        return {}
    return entries if version == _version() else {}


def _from_entry(entry: _Entry | None, stamp: tuple[int, int]) -> Inspected | None:
    if entry is None or entry[:2] != stamp or stamp[0] < 0:
        return None
    try:
        look = int(entry[3], 16) if entry[3] else None
    except ValueError:
        return None
    return Inspected(entry[2], look, *entry[4:])


def _write_cache(
    path: Path, keys: Sequence[str], stamps: Sequence[tuple[int, int]], results: Sequence[Inspected | None]
) -> None:
    entries: dict[str, _Entry] = {
        key: (*stamp, one.sha256, "" if one.look is None else f"{one.look:x}", one.format, one.kind, one.reason)
        for key, stamp, one in zip(keys, stamps, results, strict=True)
        if one is not None
    }
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(msgspec.json.encode((_version(), entries)))
        os.replace(partial, path)
    except OSError:  # the cache saves time, and is worth no error
        with suppress(OSError):
            partial.unlink(missing_ok=True)
