"""Work in batches: in order, on every core, and never far ahead of whoever takes the results."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import core_count
from pipeline.core_count import count_cores, read_cpu_quota
from pipeline.cores import BATCHES_AHEAD, in_batches, map_in_threads


def test_the_cores_are_those_that_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core_count, "read_cpu_quota", lambda: None)
    assert count_cores() == len(os.sched_getaffinity(0))


@pytest.mark.parametrize(("quota", "cores"), [(0.5, 1), (1.0, 1), (1.5, 2), (64.0, 64), (None, 64)])
def test_a_containers_limit_bounds_the_cores(monkeypatch: pytest.MonkeyPatch, quota: float | None, cores: int) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    monkeypatch.setattr(core_count, "read_cpu_quota", lambda: quota)
    assert count_cores() == cores


def test_the_limit_is_that_of_the_container(tmp_path: Path) -> None:
    files = {"max": "max 100000\n", "half": "50000 100000\n", "three": "300000 100000\n"}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "cpu.cfs_quota_us").write_text("150000\n")
    (tmp_path / "cpu.cfs_period_us").write_text("100000\n")
    paths = [str(tmp_path / name) for name in (*files, "cpu.cfs_quota_us", "missing")]
    assert [read_cpu_quota([path]) for path in paths] == [None, 0.5, 3.0, 1.5, None]


def test_batches_hold_all_items_in_order() -> None:
    assert list(in_batches(iter(range(7)), 3)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(in_batches([], 3)) == []


def test_results_come_in_the_order_of_the_items() -> None:
    def wait(number: int) -> int:
        time.sleep(0.002 * (number % 3))
        return number

    assert list(map_in_threads(wait, range(50), size=2)) == list(range(50))


def test_items_are_not_taken_far_ahead() -> None:
    taken = []

    def items() -> Iterator[int]:
        for number in range(10_000):
            taken.append(number)
            yield number

    results = map_in_threads(str, items(), size=4)
    assert next(results) == "0"
    assert len(taken) <= 4 * count_cores() * BATCHES_AHEAD


def test_the_first_error_in_their_order_comes_out() -> None:
    def divide(number: int) -> float:
        return 1 / (number - 20)

    results = map_in_threads(divide, range(1000), size=3)
    with pytest.raises(ZeroDivisionError):
        list(results)
