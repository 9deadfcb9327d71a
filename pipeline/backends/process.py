"""Start a command, print it on request, and pass interrupts on: used by both backends."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.report.screen import say

INTERRUPTED = 130


def run_process(command: Sequence[str], *, cwd: Path, environment: Mapping[str, str] | None = None) -> int:
    """Run a command on the user's screen and return its exit code (130 after ^C).

    Its standard output goes to our standard error, so that ours stays free for results. ^C reaches the
    command through the terminal; here it is only waited for. ODPIPE_VERBOSE=1 shows the command.
    """
    if os.environ.get("ODPIPE_VERBOSE") == "1":
        say("$ " + " ".join(command))
    with subprocess.Popen(command, cwd=cwd, env={**os.environ, **(environment or {})}, stdout=2) as child:
        asked: list[int] = []

        def pass_on(number: int, _frame: object) -> None:
            # A terminal has sent SIGINT to the command as well; a lone `kill -TERM` has not.
            asked.append(number)
            if number == signal.SIGTERM:
                child.send_signal(signal.SIGTERM)

        before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            code = child.wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    return INTERRUPTED if asked or code == -signal.SIGINT else code
