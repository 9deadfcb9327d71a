"""The lines of a YOLO label file: a class by its number, and shares of the image.

    0 0.538066 0.452 0.360082 0.5          the middle, the width and the height of a box
    0 0.538066 0.452 0.360082 0.5 0.93     with a confidence, which is left out
    0 0.1 0.2 0.3 0.2 0.3 0.4              a polygon of 3 or more points: the box around it
    0 0.1 0.2 0.3 0.2 0.3 0.4 0.1 0.4      a turned box by its corners is one too

Described at https://docs.ultralytics.com/datasets/detect, /segment and /obb; where data.yaml has kpt_shape (/pose), the
first four numbers are a box, and the rest are points of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.datasets.formats.yolo.config import Config
from pipeline.datasets.problems import ItemError, Problems
from pipeline.errors import DataError

LARGEST = 16 * 2**20
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_SHOWN_NAMES = 10


@dataclass(frozen=True, slots=True)
class Line:
    """One object: its place, its class, and the shares xmin, ymin, xmax, ymax of the image."""

    where: str
    label: str
    shares: tuple[float, float, float, float]


def read_lines(path: Path, config: Config, problems: Problems) -> list[Line]:
    """Read all objects of a label file; bad lines are refused. Raises DataError for a file that is none."""
    found = []
    for number, text in _number_lines(path):
        where = f"{path}:{number}"
        try:
            found.append(_parse_line(text, where, config))
        except DataError as error:
            problems.refuse_item(error, "object_unreadable")
    return found


def looks_like_labels(path: Path) -> bool | None:
    """Say whether a file's first line is an object; None for a file without a line."""
    try:
        tokens = next((text for _, text in _number_lines(path)), "").split()
    except DataError:
        return False
    if not tokens:
        return None
    numbers = [_to_number(token) for token in tokens]
    if len(tokens) < 5 or None in numbers:
        return False
    first, *others = (number for number in numbers if number is not None)
    return first >= 0 and first == int(first) and max(map(abs, others)) < 2


def _number_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (number, text) of each line that is not blank."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    if len(content) > LARGEST:
        raise DataError(f"{path}: more than {LARGEST} bytes, which no label file has")
    encoding = "utf-16" if content[:2] in _UTF16 else "utf-8-sig"
    lines = content.decode(encoding, "replace").splitlines()
    return ((number, line) for number, line in enumerate(lines, start=1) if line.strip())


def _to_number(token: str) -> float | None:
    try:
        number = float(token)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _parse_line(text: str, where: str, config: Config) -> Line:
    first, *tokens = text.split()
    class_id = _to_number(first)
    if class_id is None or class_id != int(class_id):
        raise DataError(f"{where}: the class is {first[:40]!r}, not a number", hint="wanted: class x y width height")
    numbers = []
    for token in tokens:
        number = _to_number(token)
        if number is None:
            raise DataError(f"{where}: {token[:40]!r} is not a number", hint="wanted: class x y width height")
        numbers.append(number)
    label = config.names.get(int(class_id))
    if label is None:
        listed = list(config.names.values())
        more = f" and {len(listed) - _SHOWN_NAMES} more" if len(listed) > _SHOWN_NAMES else ""
        raise ItemError(
            "label_unknown",
            f"{where}: class {first[:40]} is not in {config.source}, which lists {len(listed)} from 0: "
            f"{', '.join(listed[:_SHOWN_NAMES])}{more}",
            hint=f"add its name to {config.source}, or delete the line",
        )
    return Line(where, label, _to_shares(numbers, where, has_keypoints=config.has_keypoints))


def _to_shares(numbers: list[float], where: str, *, has_keypoints: bool) -> tuple[float, float, float, float]:
    if len(numbers) in (4, 5) or (has_keypoints and len(numbers) > 5):
        x, y, width, height = numbers[:4]
        return x - width / 2, y - height / 2, x + width / 2, y + height / 2
    if len(numbers) >= 6 and len(numbers) % 2 == 0:
        columns, rows = numbers[::2], numbers[1::2]
        return min(columns), min(rows), max(columns), max(rows)
    raise DataError(
        f"{where}: {len(numbers)} numbers after the class; wanted 4 (x y width height), 5 with a confidence, "
        "or the points of a polygon",
        hint="wanted: class x y width height",
    )
