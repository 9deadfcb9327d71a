"""The processes that pack end with the one that started them."""

from __future__ import annotations

from tests.processes import assert_none_outlives

WAITING = """
import sys, time
from pipeline.records.packers import open_packers
with open_packers(2) as packers:
    print(*packers._pool._processes, flush=True)
    time.sleep(60)
"""


def test_no_process_outlives_the_one_that_started_it() -> None:
    """They would hold the stage's lock for ever."""
    assert_none_outlives(WAITING)
