"""What a running job shows to people: one-line messages, progress with time left, errors with a hint.

A job's stdout and stderr belong to its log file, because TensorFlow fills both. `run_job.py` hands down
the real screen as a file descriptor in ODPIPE_SCREEN_FD; a script run by hand uses stderr.
Python 3.6 and standard library only: it is imported inside every image.
"""

import os
import sys
import time
from typing import NoReturn, Optional, TextIO

LINE_EVERY_S = 10.0
REDRAW_EVERY_S = 0.2
WORTH_A_LINE_S = 2.0
LINES_ONLY = "ODPIPE_LINES_ONLY"
"""Set for jobs that share a terminal: two bars on one line would erase each other."""


def _open_screen() -> TextIO:
    number = os.environ.get("ODPIPE_SCREEN_FD")
    if not number:
        return sys.stderr
    return os.fdopen(int(number), "w", encoding="utf-8", errors="replace", closefd=False)


_screen = _open_screen()


def _count_columns() -> int:
    try:
        return os.get_terminal_size(_screen.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def say(message: str) -> None:
    """Show one line to people, and keep it in the log."""
    _screen.write(message + "\n")
    _screen.flush()
    if _screen is not sys.stderr:
        sys.stderr.write(message + "\n")


def fail(message: str, hint: Optional[str] = None, exit_code: int = 3) -> NoReturn:
    """Show an error and what to do about it, then end the process.

    Exit codes: 2 configuration, 3 data, 4 a stage.
    """
    say("error: " + message)
    if hint:
        say("hint: " + hint)
    sys.stderr.flush()
    raise SystemExit(exit_code)


def format_duration(seconds: float) -> str:
    """Format whole seconds as people say them: 42s, 5m04s, 2h07m."""
    seconds = int(round(seconds))
    if seconds < 60:
        return "{}s".format(seconds)
    if seconds < 3600:
        return "{}m{:02d}s".format(seconds // 60, seconds % 60)
    return "{}h{:02d}m".format(seconds // 3600, seconds % 3600 // 60)


class Progress:
    """Show how far a job is: a bar that redraws itself on a terminal, a line every 10 seconds elsewhere.

    `start` is what an earlier run had already done: it counts as done, not as speed. `shows_rate=False` is for
    those whose notes say it in another unit.
    """

    def __init__(self, title: str, total: int, unit: str = "image", start: int = 0, *, shows_rate: bool = True) -> None:
        self.title = title
        self.shows_rate = shows_rate
        self.total = total
        self.unit = unit
        self.start = start
        self.done = start
        self._tty = _screen.isatty() and not os.environ.get(LINES_ONLY)
        self._began = time.time()
        self._shown_at = self._began

    def __enter__(self) -> "Progress":
        return self

    def update(self, done: int, note: str = "") -> None:
        """Say that `done` of `total` are done; `note` is shown beside (a loss, a file name)."""
        self.done = done
        now = time.time()
        every = REDRAW_EVERY_S if self._tty else LINE_EVERY_S
        # The last line is only worth a line of its own where it ends a wait
        due = now - self._shown_at >= (every if done < self.total else min(every, WORTH_A_LINE_S))
        if due:
            self._shown_at = now
            self._show(note, now)

    def _show(self, note: str, now: float) -> None:
        rate = (self.done - self.start) / max(now - self._began, 1e-9)
        left = (self.total - self.done) / rate if rate > 0 else 0.0
        text = "{}  {} {}/{}".format(self.title, self.unit, self.done, self.total)
        if note:
            text += "  " + note
        if rate > 0:
            if self.shows_rate:
                text += "  {:.1f}/s".format(rate) if rate >= 1 else "  {:.1f} s each".format(1 / rate)
            text += "  {} left".format(format_duration(left))
        if self._tty:
            _screen.write("\r\x1b[K" + self._bar(text))
        else:
            _screen.write(text + "\n")
        _screen.flush()

    def _bar(self, text: str) -> str:
        """Put a bar before the text, as wide as the terminal has room for: a line that wraps cannot be redrawn."""
        columns = _count_columns() - 1
        width = min(24, columns - len(text) - 3)
        if width < 5:
            return text[:columns]
        filled = width * self.done // max(self.total, 1)
        return "[" + "#" * filled + "." * (width - filled) + "] " + text

    def __exit__(self, *exception: object) -> None:
        if self._tty:
            _screen.write("\r\x1b[K")
            _screen.flush()
