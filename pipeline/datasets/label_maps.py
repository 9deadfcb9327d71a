"""The label maps of a dataset: *.pbtxt, one for all of it or one beside each part."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.datasets.label_map import read_label_ids
from pipeline.datasets.problems import Problems
from pipeline.errors import DataError

_LARGEST = 2**20
_START = 4096


@dataclass(frozen=True, slots=True)
class LabelMaps:
    """The classes by their ids, in every map that can be read, and why others cannot."""

    by_path: dict[Path, dict[str, int]] = field(default_factory=dict)
    broken: dict[Path, str] = field(default_factory=dict)

    def names_for(self, path: Path) -> dict[int, str]:
        """Return {id: name} of the map that belongs to a file: the nearest one; all of them must say the same else."""
        beside = [ids for place, ids in self.by_path.items() if place.parent == path.parent]
        ids = _only(beside) or _only(self.by_path.values()) or {}
        return {number: name for name, number in ids.items()}

    def order(self, used: Iterable[str]) -> tuple[str, ...]:
        """Order classes by their ids, where the maps agree and have no gap; those of no map come last, sorted."""
        ids = {} if self.broken else _only(self.by_path.values()) or {}
        if sorted(ids.values()) != list(range(1, len(ids) + 1)):
            ids = {}
        return tuple(sorted(used, key=lambda label: (ids.get(label, len(ids) + 1), label)))

    @property
    def listed(self) -> dict[str, int]:
        """The classes that all maps list, or nothing where they do not agree."""
        return {} if self.broken else dict(_only(self.by_path.values()) or {})


def read_label_maps(folders: dict[Path, list[str]], problems: Problems) -> LabelMaps:
    """Read all label maps. One that cannot be used, or whose ids have gaps, is noted."""
    maps = LabelMaps()
    for folder, names in folders.items():
        for name in names:
            path = folder / name
            if not name.lower().endswith(".pbtxt") or not _is_label_map(path):
                continue
            try:
                ids = read_label_ids(path)
            except DataError as error:
                problems.note("label_map_broken", str(error))
                maps.broken[path] = str(error)
                continue
            maps.by_path[path] = ids
            if max(ids.values()) != len(ids):
                found = ", ".join(map(str, sorted(ids.values())))
                problems.note(
                    "label_map_broken", f"{path}: label ids must be 1, 2, 3, ... without a gap; found: {found}"
                )
    if len(maps.by_path) > 1 and _only(maps.by_path.values()) is None:
        problems.note("label_map_broken", f"they say different things: {', '.join(map(str, maps.by_path))}")
    return maps


def _is_label_map(path: Path) -> bool:
    """Say whether a pbtxt is a label map; graphs and pipelines are pbtxt too."""
    try:
        if path.stat().st_size > _LARGEST:
            return False
        with path.open("rb") as file:
            return b"item" in file.read(_START)
    except OSError:
        return False


def _only(maps: Iterable[dict[str, int]]) -> dict[str, int] | None:
    """Return what all maps say; None where there is none, or where they differ."""
    found = list(maps)
    return found[0] if found and all(ids == found[0] for ids in found) else None
