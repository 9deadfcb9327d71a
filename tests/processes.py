"""Whether processes die with the one that started them."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from tests.project import ROOT


def assert_none_outlives(code: str) -> None:
    """Run code that prints the ids of its two processes and waits, kill it, and see them end."""
    started = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT)
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
    """Tell whether a process runs; one that is dead and not yet waited for does not."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except OSError:
        return False
