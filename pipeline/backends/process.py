"""Start commands, print them on request, and pass interrupts on: used by both backends."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from pipeline.report.screen import LINES_ONLY, say

INTERRUPTED = 130


def run_process(command: Sequence[str], *, cwd: Path, environment: Mapping[str, str] | None = None) -> int:
    """Run a command on the user's screen and return its exit code (130 after ^C).

    Its standard output goes to our standard error, so that ours stays free for results. ^C reaches the
    command through the terminal; here it is only waited for. ODPIPE_VERBOSE=1 shows the command.
    """
    return run_processes([command], cwd=cwd, environment=environment)[0]


def run_processes(
    commands: Sequence[Sequence[str]], *, cwd: Path, environment: Mapping[str, str] | None = None
) -> list[int]:
    """Run commands at the same time and return their exit codes, in order, when the last has ended.

    None is stopped because another fails: what it makes is kept. Several cannot redraw one line of the screen, so they
    are told to write whole lines, and none may read what is typed.
    """
    together = len(commands) > 1
    own = {**os.environ, **(environment or {}), **({LINES_ONLY: "1"} if together else {})}
    children: list[subprocess.Popen[bytes]] = []
    asked: list[int] = []

    def pass_on(number: int, _frame: object) -> None:
        # A terminal has sent SIGINT to the commands as well; a lone `kill -TERM` has not.
        asked.append(number)
        if number == signal.SIGTERM:
            for child in children:
                child.send_signal(signal.SIGTERM)

    with ExitStack() as stack:
        for number in (signal.SIGINT, signal.SIGTERM):
            stack.callback(signal.signal, number, signal.signal(number, pass_on))
        for command in commands:
            if os.environ.get("ODPIPE_VERBOSE") == "1":
                say("$ " + " ".join(command))
            if asked:
                return [INTERRUPTED] * len(commands)  # those that began are waited for all the same
            stdin = subprocess.DEVNULL if together else None
            children.append(stack.enter_context(subprocess.Popen(command, cwd=cwd, env=own, stdin=stdin, stdout=2)))
        codes = [child.wait() for child in children]
    return [INTERRUPTED if asked or code == -signal.SIGINT else code for code in codes]
