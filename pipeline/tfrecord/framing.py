"""TFRecord framing: a sequence of records in one file.

    uint64 length, uint32 masked crc32c of length, data, uint32 masked crc32c of data; all little-endian

Source: tensorflow/core/lib/io/record_writer.cc and the comment in record_writer.h. The mask keeps a
checksum of data that holds checksums from being degenerate.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import google_crc32c

from pipeline.errors import DataError

_LENGTH = struct.Struct("<Q")
_CHECKSUM = struct.Struct("<I")
HEADER_BYTES = _LENGTH.size + _CHECKSUM.size
OVERHEAD_BYTES = HEADER_BYTES + _CHECKSUM.size
LARGEST_BYTES = 2**30


def _masked_checksum(data: bytes) -> int:
    checksum: int = google_crc32c.value(data)
    return ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF


def to_frame(data: bytes) -> tuple[bytes, bytes, bytes]:
    """Return what is written for one record: header, data, footer."""
    length = _LENGTH.pack(len(data))
    return length + _CHECKSUM.pack(_masked_checksum(length)), data, _CHECKSUM.pack(_masked_checksum(data))


@dataclass(frozen=True, slots=True)
class Frame:
    """One record: where its data begins in the file, the data, and whether its checksum is right."""

    offset: int
    data: bytes
    is_whole: bool


def scan_frames(path: Path) -> Iterator[Frame]:
    """Yield the records of a file, also those whose data is damaged.

    Raises DataError, with the position, where a length is damaged or the file is cut: what follows cannot be found.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        position = 0
        while header := file.read(HEADER_BYTES):
            if len(header) < HEADER_BYTES:
                raise DataError(f"{path}: ends within the header of the record at byte {position}", hint=_HINT)
            (length,) = _LENGTH.unpack_from(header)
            if _CHECKSUM.unpack_from(header, _LENGTH.size)[0] != _masked_checksum(header[: _LENGTH.size]):
                raise DataError(f"{path}: the record at byte {position} has a damaged length", hint=_HINT)
            if position + length + OVERHEAD_BYTES > size:
                raise DataError(f"{path}: ends within the record at byte {position}", hint=_HINT)
            if length > LARGEST_BYTES:
                raise DataError(f"{path}: the record at byte {position} has {length} bytes, which no image needs")
            data = file.read(length)
            is_whole = _CHECKSUM.unpack(file.read(_CHECKSUM.size))[0] == _masked_checksum(data)
            yield Frame(position + HEADER_BYTES, data, is_whole)
            position += length + OVERHEAD_BYTES


def read_frames(path: Path) -> Iterator[bytes]:
    """Yield the records of a file. Raises DataError with the position of one that is cut short or damaged."""
    for frame in scan_frames(path):
        if not frame.is_whole:
            raise DataError(
                f"{path}: the record at byte {frame.offset - HEADER_BYTES} is damaged (checksum)", hint=_HINT
            )
        yield frame.data


_HINT = "write the records again"
