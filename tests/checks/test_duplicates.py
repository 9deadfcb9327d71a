"""The same picture on both sides of the split, against a search through all pairs."""

from __future__ import annotations

import random

import pytest

from pipeline.checks.duplicates import FARTHEST_BITS, find_repeated, find_similar


def test_the_same_bytes_are_found_with_the_first_that_has_them() -> None:
    assert find_repeated(["a", "b", "a", ""], ["c", "a", "", "b"]) == [(1, 0), (3, 1)]


@pytest.mark.parametrize("seed", range(5))
def test_near_hashes_are_found_as_by_comparing_all_pairs(seed: int) -> None:
    source = random.Random(seed)
    centres = [source.getrandbits(128) for _ in range(5)]
    train, test = (
        [None if source.random() < 0.1 else blur(source, source.choice(centres)) for _ in range(count)]
        for count in (300, 90)
    )
    assert find_similar(train, test) == search_all(train, test)
    assert search_all(train, test)


def test_nothing_is_like_nothing() -> None:
    assert find_similar([], [1]) == find_similar([1], []) == find_similar([None], [None, 3]) == []


def test_the_largest_distance_is_found_wherever_the_bits_lie() -> None:
    bits = [1 << place for place in range(5, 128, 16)][:FARTHEST_BITS]
    assert find_similar([0], [sum(bits)]) == [(0, 0)]
    assert find_similar([0], [sum(bits) + 1]) == []


def test_many_that_share_a_band_are_compared_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.checks.duplicates.PAIRS_AT_ONCE", 7)
    train, test = [1 << place for place in range(100)], [(1 << place) + (1 << 127) for place in range(20)]
    assert find_similar(train, test) == [(place, place) for place in range(20)]


def blur(source: random.Random, look: int) -> int:
    for bit in source.sample(range(128), source.randrange(12)):
        look ^= 1 << bit
    return look


def search_all(train: list[int | None], test: list[int | None]) -> list[tuple[int, int]]:
    found = []
    for index, look in enumerate(test):
        distances = [999 if look is None or one is None else (look ^ one).bit_count() for one in train]
        if min(distances) <= FARTHEST_BITS:
            found.append((index, distances.index(min(distances))))
    return found
