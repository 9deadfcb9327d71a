"""The same picture on both sides of the split: what a detector has learnt by heart it will find in the test.

The same bytes are found by their SHA-256. Pictures that look alike (resized, encoded anew, the next frame of a video)
are found by a perceptual hash of 128 bits, of which at most `FARTHEST_BITS` differ. Cut into one band more than bits
may differ, two such hashes have at least one band in common, so only pictures of one band are compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

FARTHEST_BITS = 7
BANDS = FARTHEST_BITS + 1
PAIRS_AT_ONCE = 2_000_000
_Hash = TypeVar("_Hash", str, bytes)


def find_repeated(train: Iterable[_Hash], test: Iterable[_Hash]) -> list[tuple[int, int]]:
    """Return (index in test, index in train) of each test image whose hash is that of a training image; "" is none."""
    first: dict[_Hash, int] = {}
    for index, digest in enumerate(train):
        if digest:
            first.setdefault(digest, index)
    return [(index, first[digest]) for index, digest in enumerate(test) if digest in first]


def find_similar(train: Sequence[int | None], test: Sequence[int | None]) -> list[tuple[int, int]]:
    """Return (index in test, index in train) of each test image that looks like a training image, with the nearest.

    The hashes have 128 bits; None is like nothing.
    """
    train_places, train_looks = _to_array(train)
    test_places, test_looks = _to_array(test)
    # Distance and place of the nearest in one number, so that the first of several as near wins
    size = len(train_places) + 1
    nearest = np.full(len(test_places), (FARTHEST_BITS + 1) * size, np.int64)
    train_whole, test_whole = train_looks.view(np.uint64), test_looks.view(np.uint64)
    for band in range(BANDS):
        for tests, trains in _pairs_of_band(train_looks[:, band], test_looks[:, band]):
            distances = np.bitwise_count(train_whole[trains] ^ test_whole[tests]).sum(axis=1, dtype=np.int64)
            near = distances <= FARTHEST_BITS
            np.minimum.at(nearest, tests[near], distances[near] * size + trains[near])
    found = np.flatnonzero(nearest < (FARTHEST_BITS + 1) * size)
    return [(int(test_places[index]), int(train_places[nearest[index] % size])) for index in found]


def _to_array(looks: Sequence[int | None]) -> tuple[NDArray[np.int64], NDArray[np.uint16]]:
    """Return the places of the hashes that are there, and the hashes as rows of eight bands."""
    places = [index for index, look in enumerate(looks) if look is not None]
    data = b"".join(look.to_bytes(16, "big") for look in looks if look is not None)
    return np.array(places, np.int64), np.frombuffer(data, ">u2").astype(np.uint16).reshape(-1, BANDS)


def _pairs_of_band(
    train: NDArray[np.uint16], test: NDArray[np.uint16]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield (test, train) indices of all pairs with the same band, some millions at a time."""
    order = np.argsort(train, kind="stable")
    ordered = train[order]
    begin = np.searchsorted(ordered, test, side="left")
    counts = np.searchsorted(ordered, test, side="right") - begin
    start = 0
    while start < len(test):
        sums = np.cumsum(counts[start:])
        end = start + max(1, int(np.searchsorted(sums, PAIRS_AT_ONCE, side="right")))
        part = counts[start:end]
        tests = np.repeat(np.arange(start, end), part)
        within = np.arange(len(tests)) - np.repeat(np.cumsum(part) - part, part)
        yield tests, order[np.repeat(begin[start:end], part) + within]
        start = end
