"""What was found in many images, in eighty bytes each; and the file in which a check keeps it for the next one.

    "Pillow 11.3.0, inspection 1f..."
    ["cats/a.jpg", 80123, 1700000000000000000, 4711, "9f86...", "1c3f...", "JPEG", "", "", [640, 480, 1]]

A line an image: its path below the dataset, size, time of change and inode, and the fields of an `Inspected`. An
entry counts only for a file of that size, time and inode. The file may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import os
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec
import PIL

from pipeline.datasets.files.tree import path_below
from pipeline.datasets.images import frame
from pipeline.datasets.images.frame import Header

Stamp = tuple[int, int, int]
"""Size, time of change in nanoseconds, and inode."""
_NONE: Stamp = (-1, -1, -1)
_Words = tuple[str, str, str]
_Entry = tuple[str, int, int, int, str, str, str, str, str, tuple[int, int, int] | None]
_SHA_BYTES = 32
_LOOK_BYTES = 16


@dataclass(frozen=True, slots=True)
class Inspected:
    """What was found in one image. `sha256` is of its stored bytes, in hex; "" where they could not be read.

    `look` is a perceptual hash of 128 bits, None for a picture with too little in it. `kind` is a key of `KINDS` and
    `reason` the rest of a sentence where the image cannot be used; both are "" where it can. `header` is what
    `frame.read_header` reads of it, None where it cannot.
    """

    sha256: str = ""
    look: int | None = None
    format: str = ""
    kind: str = ""
    reason: str = ""
    header: Header | None = None


class InspectedImages(Sequence[Inspected]):
    """What was found in images, by number. Those not set yet are as if nothing had been found."""

    def __init__(self, images: int = 0) -> None:
        """Make room for so many; more can be added."""
        self._words: list[_Words] = [("", "", "")] * images
        self._shared: dict[_Words, _Words] = {}
        self._flags = bytearray(images)
        self._digests = bytearray(_SHA_BYTES * images)
        self._looks = bytearray(_LOOK_BYTES * images)
        self._headers = array("i", bytes(12 * images))

    def __len__(self) -> int:
        return len(self._words)

    def __getitem__(self, index: int) -> Inspected:  # type: ignore[override]
        """Return what was found in one image; there are no slices of it."""
        if not 0 <= index < len(self._words):
            raise IndexError(index)
        return Inspected(self.digest(index).hex(), self.look(index), *self._words[index], header=self.header(index))

    def digest(self, index: int) -> bytes:
        """Return the SHA-256 of one image, or nothing."""
        return bytes(self._digests[index * _SHA_BYTES : (index + 1) * _SHA_BYTES]) if self._flags[index] & 1 else b""

    def look(self, index: int) -> int | None:
        """Return the look of one image, if it has one."""
        look = self._looks[index * _LOOK_BYTES : (index + 1) * _LOOK_BYTES]
        return int.from_bytes(look, "big") if self._flags[index] & 2 else None

    def is_set(self, index: int) -> bool:
        """Say whether an image was inspected."""
        return self._flags[index] & 4 > 0

    def header(self, index: int) -> Header | None:
        """Return the header of one image."""
        width, height, orientation = self._headers[index * 3 : index * 3 + 3]
        return Header(width, height, orientation) if orientation else None

    def add(self, found: Inspected) -> None:
        """Add an image behind the others."""
        self._words.append(("", "", ""))
        self._flags.append(0)
        self._digests += bytes(_SHA_BYTES)
        self._looks += bytes(_LOOK_BYTES)
        self._headers.extend((0, 0, 0))
        self.set(len(self._words) - 1, found)

    def set(self, index: int, found: Inspected) -> None:
        """Keep what was found in one image. Raises ValueError where it is nothing that an inspection finds."""
        words = (found.format, found.kind, found.reason)
        self._words[index] = self._shared.setdefault(words, words)
        self._flags[index] = bool(found.sha256) | (found.look is not None) << 1 | 4
        if found.sha256:
            digest = bytes.fromhex(found.sha256)
            if len(digest) != _SHA_BYTES:
                raise ValueError("not a SHA-256")
            self._digests[index * _SHA_BYTES : (index + 1) * _SHA_BYTES] = digest
        if found.look is not None:
            self._looks[index * _LOOK_BYTES : (index + 1) * _LOOK_BYTES] = found.look.to_bytes(_LOOK_BYTES, "big")
        if found.header is not None:
            header = found.header
            self._headers[index * 3 : index * 3 + 3] = array("i", (header.width, header.height, header.orientation))


class KnownImages:
    """What an earlier check of a dataset found: a `known.Source`."""

    def __init__(self, root: Path) -> None:
        """Know nothing of the dataset in a folder."""
        self._root = str(root)
        self._keys: list[str] = []
        self._stamps = array("q")
        self._found = InspectedImages()

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, key: str, stamp: Stamp) -> Inspected | None:
        """Return what was found in an image, if it still has the stamp that it had."""
        place = self._place_of(key, stamp)
        return None if place is None else self._found[place]

    def find_header(self, path: Path) -> Header | None:
        """Return the header of a file, if it still is what it was."""
        place = self._place_of(path_below(path, self._root), read_stamp(path))
        return None if place is None else self._found.header(place)

    def find_sha256(self, path: Path) -> str | None:
        """Return the SHA-256 of a file's bytes, in hex, if it still is what it was."""
        place = self._place_of(path_below(path, self._root), read_stamp(path))
        return None if place is None else self._found.digest(place).hex() or None

    def _place_of(self, key: str, stamp: Stamp) -> int | None:
        place = bisect_left(self._keys, key)
        if place == len(self._keys) or self._keys[place] != key or stamp == _NONE:
            return None
        return place if tuple(self._stamps[place * 3 : place * 3 + 3]) == stamp else None

    def _add(self, entry: _Entry) -> None:
        key, size, time, inode, digest, look, image_format, kind, reason, header = entry
        if self._keys and key <= self._keys[-1]:
            raise ValueError("not sorted")
        self._stamps.extend((size, time, inode))
        self._keys.append(key)
        found = Inspected(
            digest, int(look, 16) if look else None, image_format, kind, reason, header and Header(*header)
        )
        self._found.add(found)


def read_stamp(path: os.PathLike[str]) -> Stamp:
    """Return what changes when a file does."""
    try:
        status = os.stat(path)
    except OSError:
        return _NONE
    return (status.st_size, status.st_mtime_ns, status.st_ino)


def read_known(path: Path | None, root: Path) -> KnownImages:
    """Read a cache file; one that is missing, broken or of another version knows nothing."""
    known = KnownImages(root)
    decoder = msgspec.json.Decoder(_Entry)
    try:
        with open(path or os.devnull, "rb") as file:
            if msgspec.json.decode(file.readline() or b'""', type=str) == version():
                for line in file:
                    known._add(decoder.decode(line))
    except (OSError, ValueError, OverflowError):  # msgspec's own errors are ValueErrors
        return KnownImages(root)
    return known


def write_known(path: Path, keys: Sequence[str], stamps: Sequence[int], found: InspectedImages) -> None:
    """Write a cache file of what was found; `stamps` has three numbers an image. No error comes of it."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.write(msgspec.json.encode(version()) + b"\n")
            file.writelines(_lines(keys, stamps, found))
        os.replace(partial, path)
    except OSError:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def _lines(keys: Sequence[str], stamps: Sequence[int], found: InspectedImages) -> Iterator[bytes]:
    before = None
    for index in sorted(range(len(keys)), key=keys.__getitem__):
        if not found.is_set(index) or keys[index] == before:
            continue
        before, one = keys[index], found[index]
        size, time, inode = stamps[index * 3 : index * 3 + 3]
        header = None if one.header is None else (one.header.width, one.header.height, one.header.orientation)
        look = "" if one.look is None else f"{one.look:x}"
        entry: _Entry = (before, size, time, inode, one.sha256, look, one.format, one.kind, one.reason, header)
        yield msgspec.json.encode(entry) + b"\n"


def version() -> str:
    """Name all that decides what is found, so that a change of it makes the cache worthless."""
    code = b"".join(path.read_bytes() for path in (Path(__file__).with_name("inspection.py"), Path(frame.__file__)))
    return f"Pillow {PIL.__version__}, inspection {hashlib.sha256(code).hexdigest()[:16]}"
