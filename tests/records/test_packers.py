"""The processes that pack end with the one that started them."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from tests.project import ROOT

WAITING = """
import sys, time
from pipeline.records.packers import open_packers
with open_packers(2) as packers:
    print(*packers._pool._processes, flush=True)
    time.sleep(60)
"""


def test_no_process_outlives_the_one_that_started_it() -> None:
    """They would hold the stage's lock for ever."""
    started = subprocess.Popen([sys.executable, "-c", WAITING], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert started.stdout is not None
    children = [int(word) for word in started.stdout.readline().split()]
    started.kill()
    started.wait()
    deadline = time.monotonic() + 10
    while any(is_alive(child) for child in children):
        assert time.monotonic() < deadline, "a process is left"
        time.sleep(0.05)
    assert len(children) == 2


def is_alive(process: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except OSError:
        return False
