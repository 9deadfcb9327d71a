"""Read a flatbuffer that may be broken: nothing outside the file is looked at, and no reading goes on for ever.

A table is at a position; its vtable says where each of its fields lies (https://flatbuffers.dev/internals):

    root = read_root(data, identifier=b"TFL3")
    root.scalar(0, "I", default=0)          # field 0 of the table, an unsigned int
    [one.text(3) for one in root.tables(2)]

The generated readers trust the file: an offset of 4 GB is a `struct.error` there, a vector of 4 billion a hang.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

MOST_TABLES = 300_000
MOST_NUMBERS = 20_000_000


class MalformedError(ValueError):
    """A flatbuffer says something that cannot be; the message says what and at which byte."""


@dataclass(slots=True)
class _Content:
    """The bytes, and how many tables and numbers may still be read: files may share them, a billion times over."""

    data: bytes
    tables: int = field(default=MOST_TABLES)
    numbers: int = field(default=MOST_NUMBERS)

    def unpack(self, kind: str, position: int, count: int = 1) -> tuple[int, ...]:
        size = struct.calcsize("<" + kind) * count
        if position < 0 or position + size > len(self.data):
            raise MalformedError(f"it points at byte {position}, and has {len(self.data)}")
        self.numbers -= count
        if self.numbers < 0:
            raise MalformedError(f"it holds more than {MOST_NUMBERS:,} numbers outside its weights")
        return struct.unpack_from(f"<{count}{kind}", self.data, position)

    def follow(self, position: int) -> int:
        """Return where the offset at a position leads; offsets only lead forward."""
        (offset,) = self.unpack("I", position)
        if offset == 0:
            raise MalformedError(f"the offset at byte {position} leads to itself")
        return position + offset


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a flatbuffer. Fields are named by their number in the schema, from 0."""

    _content: _Content
    _position: int
    _fields: tuple[int, ...]  # where each field lies from the position; 0: it has its default

    def _find(self, number: int) -> int | None:
        offset = self._fields[number] if number < len(self._fields) else 0
        return self._position + offset if offset else None

    def scalar(self, number: int, kind: str, *, default: int = 0) -> int:
        """Return a number; `kind` is a letter of the struct module."""
        position = self._find(number)
        return default if position is None else self._content.unpack(kind, position)[0]

    def table(self, number: int) -> Table | None:
        """Return a table within this one; None where it is left out."""
        position = self._find(number)
        return None if position is None else _read_table(self._content, self._content.follow(position))

    def tables(self, number: int) -> list[Table]:
        """Return a list of tables; empty where it is left out."""
        start, count = self._vector(number, size=4)
        return [_read_table(self._content, self._content.follow(start + 4 * place)) for place in range(count)]

    def numbers(self, number: int, kind: str) -> tuple[int, ...]:
        """Return a list of numbers; empty where it is left out."""
        start, count = self._vector(number, size=struct.calcsize("<" + kind))
        return self._content.unpack(kind, start, count) if count else ()

    def count(self, number: int, *, size: int) -> int:
        """Return how many elements of `size` bytes a list holds, without reading them."""
        return self._vector(number, size=size)[1]

    def content(self, number: int) -> memoryview:
        """Return a list of bytes as they lie in the file; empty where it is left out."""
        start, count = self._vector(number, size=1)
        return memoryview(self._content.data)[start : start + count]

    def place(self, number: int) -> tuple[int, int, int]:
        """Return where a list of bytes lies in the file, for those who rewrite it: its field, its start, its length.

        The field holds the way to the list's length, which lies in the four bytes before its start. Raises
        MalformedError where it is left out.
        """
        position = self._find(number)
        if position is None:
            raise MalformedError(f"field {number} of the table at byte {self._position} is left out")
        return (position, *self._vector(number, size=1))

    def text(self, number: int) -> str:
        """Return a text, with a mark in place of what no screen can show."""
        text = bytes(self.content(number)[:400]).decode("utf-8", "replace")
        return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)

    def _vector(self, number: int, *, size: int) -> tuple[int, int]:
        position = self._find(number)
        if position is None:
            return 0, 0
        start = self._content.follow(position)
        (count,) = self._content.unpack("I", start)
        if start + 4 + count * size > len(self._content.data):
            raise MalformedError(
                f"the list at byte {start} has {count} entries, and the file ends at {len(self._content.data)}"
            )
        return start + 4, count


def read_root(data: bytes, *, identifier: bytes) -> Table:
    """Return the root table; raises MalformedError when there is none or the file says to be something else."""
    if data[4:8] != identifier:
        raise MalformedError(f"bytes 4 to 7 are {data[4:8]!r}; a file of this kind has {identifier!r} there")
    content = _Content(data)
    return _read_table(content, content.follow(0))


def _read_table(content: _Content, position: int) -> Table:
    content.tables -= 1
    if content.tables < 0:
        raise MalformedError(f"it holds more than {MOST_TABLES:,} tables")
    (back,) = content.unpack("i", position)
    vtable = position - back
    (size,) = content.unpack("H", vtable)
    if size < 4 or size % 2:
        raise MalformedError(f"the table at byte {position} has a vtable of {size} bytes at {vtable}")
    return Table(content, position, content.unpack("H", vtable + 4, (size - 4) // 2) if size > 4 else ())
