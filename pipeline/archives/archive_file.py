"""What every kind of archive offers: a file that counts what is read of it, and members."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

CHUNK_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an archive: its name as stored, what it is (file, folder, symbolic link, ...), and its bytes.

    `content` is read before the next member is asked for, or not at all.
    """

    name: str
    kind: str
    content: Iterator[bytes]


class CountedFile:
    """An open file that counts the bytes read of it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.size = os.fstat(descriptor).st_size
        self.read_bytes = 0

    def read(self, size: int = -1, /) -> bytes:
        """Read at most `size` bytes from where the last read ended; nothing at the end."""
        data = os.read(self._descriptor, min(size, CHUNK_BYTES) if size >= 0 else CHUNK_BYTES)
        self.read_bytes += len(data)
        return data

    def read_at(self, offset: int, size: int) -> bytes:
        """Read exactly `size` bytes at `offset`. Raises ValueError where there are fewer."""
        if offset + size > self.size:
            raise ValueError("it was cut short")
        data = os.pread(self._descriptor, size, offset)
        if len(data) != size:
            raise ValueError("it was cut short")
        self.read_bytes += size
        return data
