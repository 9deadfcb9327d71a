"""Tables as spreadsheets and scripts write them: comma or semicolon between cells, a point or comma in numbers."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from pipeline.datasets.model import Box, parse_number
from pipeline.errors import DataError

_LONGEST_LINE = 2**16
_LONGEST_ROW = 2**20


def read_rows(path: Path, *, skip: int = 0) -> Iterator[tuple[int, list[str]]]:
    """Yield (number of its last line, cells) of each row that is not blank, after the first `skip` of them.

    Raises DataError that names the file, also late.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline(_LONGEST_LINE)
            file.seek(0)
            delimiter = max(",;\t", key=first.count)
            lines = _Lines(file, path)
            reader = csv.reader(lines, strict=True, delimiter=delimiter)
            for row in reader:
                lines.read_characters = 0
                if not any(row):
                    continue
                if skip:
                    skip -= 1
                    continue
                yield reader.line_num, row
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: not UTF-8 text (byte {error.start})", hint="save it as CSV UTF-8 in the spreadsheet"
        ) from error
    except csv.Error as error:
        raise DataError(f"{path}: not a csv file: {error}") from error


class _Lines:
    """The lines of a file, as long as no row is longer than anybody's: a csv reader takes any into memory."""

    def __init__(self, file: TextIO, path: Path) -> None:
        self._file = file
        self._path = path
        self.read_characters = 0

    def __iter__(self) -> Iterator[str]:
        while line := self._file.readline(_LONGEST_ROW):
            self.read_characters += len(line)
            if self.read_characters >= _LONGEST_ROW:
                raise DataError(f"{self._path}: a row of more than {_LONGEST_ROW} characters, which no table has")
            yield line


def read_header(path: Path) -> list[str]:
    """Read the first row; an empty list where there is none. Raises DataError."""
    return [cell.strip() for cell in next((row for _, row in read_rows(path)), [])]


def peek_header(path: Path) -> list[str]:
    """Read the first row; an empty list where there is none, or where the file is no table."""
    try:
        return read_header(path)
    except DataError:
        return []


def parse_decimal(text: str) -> float | None:
    """Parse a number, which may have a comma for a point: 0,35 is what spreadsheets write in most of Europe."""
    number = parse_number(text)
    if number is None and text.count(",") == 1 and "." not in text:
        return parse_number(text.replace(",", "."))
    return number


def parse_size(width: str, height: str, where: str) -> tuple[int, int]:
    """Parse the size of an image. Raises DataError."""
    sides = parse_number(width), parse_number(height)
    if not (isinstance(sides[0], int) and isinstance(sides[1], int) and min(sides) >= 1 and max(sides) < 10**9):
        raise DataError(f"{where}: the size is {width!r} x {height!r}, not two whole numbers of pixels")
    return sides[0], sides[1]


def parse_box(label: str, texts: Sequence[str], columns: Sequence[str], where: str) -> Box | None:
    """Parse a class and four edges in the order of `columns`; None where all cells are empty. Raises DataError."""
    if not label and not any(texts):
        return None
    if not label:
        raise DataError(f"{where}: a box without a class")
    edges = []
    for column, text in zip(columns, texts, strict=True):
        value = parse_decimal(text)
        if value is None:
            raise DataError(f"{where}: {column} is {text!r}, not a number")
        edges.append(value)
    return Box(sys.intern(label), *edges)  # a million boxes have a few labels
