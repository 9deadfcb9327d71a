"""Lets two processes that are measured take turns, step by step: a busy machine then slows both alike.

The measured one prints `turn` and waits for a line on its standard input before each step. Without --turns it never
waits. benchmarks/training.py holds the other end.
"""

import sys

TURN = "turn"


def wait_for_turn(takes_turns):
    """Say that the step before is done, and wait for the word to do the next one."""
    if takes_turns:
        sys.stdout.write("\n" + TURN + "\n")
        sys.stdout.flush()
        if not sys.stdin.readline():
            raise SystemExit("whoever gives the turns has gone")
