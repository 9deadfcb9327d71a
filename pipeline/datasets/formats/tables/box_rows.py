"""Boxes gathered from tables, whose lines come in any order, until their images are looked at one by one.

Six numbers and the number of its line for each box: 1,000,000 boxes take about 100 MB less than as objects.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.datasets.model import Box

Key = tuple[int, str]
"""A number for where a table stands, and the name that it gives an image: a/x.csv and b/x.csv may mean others by it."""
_PLACE, _NUMBERS = 2, 7


@dataclass(frozen=True, slots=True)
class Placed:
    """A box and the line that it comes from."""

    path: Path
    line: int
    box: Box

    @property
    def where(self) -> str:
        """The place of the box for people: file:line."""
        return f"{self.path}:{self.line}"

    @property
    def edges(self) -> tuple[float, float, float, float]:
        """The numbers of the box."""
        return self.box.xmin, self.box.ymin, self.box.xmax, self.box.ymax


class BoxRows:
    """What tables say of each image, by its key: where it comes first, then its boxes."""

    def __init__(self) -> None:
        self._labels: dict[str, int] = {}
        self._label_list: list[str] = []
        self._paths: list[Path] = []
        self._rows: dict[Key, array[float]] = {}

    def __iter__(self) -> Iterator[Key]:
        """Give the keys of the images, in the order in which they came."""
        return iter(self._rows)

    def add_image(self, key: Key, path: Path, line: int) -> None:
        """Say that there is an image, which may have boxes or none."""
        if not self._paths or self._paths[-1] != path:
            self._paths.append(path)
        if key not in self._rows:
            self._rows[key] = array("d", (len(self._paths) - 1, line))

    def add(self, key: Key, path: Path, line: int, box: Box) -> None:
        """Add a box of an image. The boxes of one file are added before those of the next."""
        self.add_image(key, path, line)
        label = self._labels.setdefault(box.label, len(self._labels))
        if label == len(self._label_list):
            self._label_list.append(box.label)
        self._rows[key].extend((len(self._paths) - 1, line, label, box.xmin, box.ymin, box.xmax, box.ymax))

    def pop(self, key: Key) -> list[Placed]:
        """Take the boxes of an image out, in the order in which they came."""
        rows = self._rows.pop(key)
        placed = []
        for start in range(_PLACE, len(rows), _NUMBERS):
            file, line, label, *edges = rows[start : start + _NUMBERS]
            box = Box(self._label_list[int(label)], *(int(edge) if edge.is_integer() else edge for edge in edges))
            placed.append(Placed(self._paths[int(file)], int(line), box))
        return placed

    def path_of(self, key: Key) -> Path:
        """Return the file in which an image is named first."""
        return self._paths[int(self._rows[key][0])]

    def where(self, key: Key) -> str:
        """Say where an image is named first: file:line."""
        return f"{self.path_of(key)}:{int(self._rows[key][1])}"

    def count(self, key: Key) -> int:
        """Count the boxes of an image."""
        return len(self._rows[key]) // _NUMBERS


def drop_repeated(placed: list[Placed]) -> tuple[list[Placed], bool]:
    """Leave out what a file says again of an image, and say whether several files say anything of it.

    all.csv lies beside train.csv and test.csv in many datasets: the boxes that a file repeats are those of the other.
    """
    if len({one.path for one in placed}) < 2:
        return placed, False
    kept: list[Placed] = []
    for path in dict.fromkeys(one.path for one in placed):
        known = {one.box for one in kept}
        kept += [one for one in placed if one.path == path and one.box not in known]
    return kept, True
