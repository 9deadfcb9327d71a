"""Read what edgetpu_compiler says, its log file or its screen, and hold the preflight against it.

    Edge TPU Compiler version 16.0.384591198
    Input: detect.tflite
    Output: detect_edgetpu.tflite

    Operator                       Count      Status

    CONV_2D                        55         Mapped to Edge TPU
    CUSTOM                         1          Operation is working on an unsupported data type

The log file holds these lines; the screen (-s) has the sizes of memory before them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import DataError

_VERSION = re.compile(r"^Edge TPU Compiler version (\S+)")
_HEADER = re.compile(r"^Operator\s+Count\s+Status\s*$")
_ROW = re.compile(r"^(\S+)\s+(\d+)\s+(\S.*?)\s*$")
_SIZE = re.compile(
    r"^(On-chip memory used|On-chip memory remaining|Off-chip memory used).*:\s+([\d.]+)(B|KiB|MiB|GiB)$"
)
_UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_FAILURE = re.compile(r"^(?:ERROR: |Compilation failed: |Internal compiler error)")
MOST_BYTES = 16 << 20

Row = tuple[str, int, str]


@dataclass(frozen=True, slots=True)
class CompilerLog:
    """The compiler's version, its table, the memory that it says (None where it does not), why it failed."""

    version: str
    rows: tuple[Row, ...]
    cached_bytes: int | None = None
    remaining_bytes: int | None = None
    streamed_bytes: int | None = None
    failures: tuple[str, ...] = ()


def read_compiler_log(path: Path) -> CompilerLog:
    """Read a log; raises DataError for a file that is none."""
    if not path.is_file():
        raise DataError(f"there is no compiler log at {path}", hint="edgetpu_compiler writes NAME_edgetpu.log")
    if path.stat().st_size > MOST_BYTES:
        raise DataError(f"{path} is no log of edgetpu_compiler: it has {path.stat().st_size} bytes")
    return parse_compiler_log(path.read_text(encoding="utf-8", errors="replace"), name=str(path))


def parse_compiler_log(text: str, *, name: str) -> CompilerLog:
    """Parse what the compiler wrote; `name` is what messages call it."""
    version, failures, sizes = "", [], {}
    rows: Counter[tuple[str, str]] = Counter()
    in_table = False
    for line in text.splitlines():
        if found := _VERSION.match(line):
            version = found[1]
        elif found := _SIZE.match(line):
            sizes[found[1]] = round(float(found[2]) * _UNITS[found[3]])
        elif _FAILURE.match(line):
            failures.append(line.strip())
        elif _HEADER.match(line):
            in_table = True
        elif in_table and (found := _ROW.match(line)):
            rows[found[1], found[3]] += int(found[2])
    if not version or not (rows or failures):
        missing = "names no operator" if version else "says no 'Edge TPU Compiler version'"
        raise DataError(f"{name} is no log of edgetpu_compiler: it {missing}")
    return CompilerLog(
        version,
        tuple((operator, count, status) for (operator, status), count in rows.items()),
        sizes.get("On-chip memory used"),
        sizes.get("On-chip memory remaining"),
        sizes.get("Off-chip memory used"),
        tuple(failures),
    )


def compare_rows(ours: Iterable[Row], theirs: Iterable[Row]) -> list[str]:
    """Say in one sentence each how two tables differ; nothing when every operator, count and status is the same."""
    left, right = _add_up(ours), _add_up(theirs)
    return [
        f"{operator}, {status!r}: the preflight says {left[operator, status]}, the compiler {right[operator, status]}"
        for operator, status in sorted({*left, *right})
        if left[operator, status] != right[operator, status]
    ]


def _add_up(rows: Iterable[Row]) -> Counter[tuple[str, str]]:
    counts: Counter[tuple[str, str]] = Counter()
    for operator, count, status in rows:
        counts[operator, status] += count
    return counts
