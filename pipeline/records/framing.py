"""TFRecord framing: a sequence of records in one file.

    uint64 length, uint32 masked crc32c of length, data, uint32 masked crc32c of data; all little-endian

Source: tensorflow/core/lib/io/record_writer.cc and the comment in record_writer.h. The mask keeps a
checksum of data that holds checksums from being degenerate.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import google_crc32c

from pipeline.errors import DataError

_LENGTH = struct.Struct("<Q")
_CHECKSUM = struct.Struct("<I")
HEADER_BYTES = _LENGTH.size + _CHECKSUM.size
OVERHEAD_BYTES = HEADER_BYTES + _CHECKSUM.size


def _masked_checksum(data: bytes) -> int:
    checksum: int = google_crc32c.value(data)
    return ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF


def to_frame(data: bytes) -> tuple[bytes, bytes, bytes]:
    """Return what is written for one record: header, data, footer."""
    length = _LENGTH.pack(len(data))
    return length + _CHECKSUM.pack(_masked_checksum(length)), data, _CHECKSUM.pack(_masked_checksum(data))


def read_frames(path: Path) -> Iterator[bytes]:
    """Yield the records of a file. Raises DataError with the position of one that is cut short or damaged."""
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
            data = file.read(length)
            if _CHECKSUM.unpack(file.read(_CHECKSUM.size))[0] != _masked_checksum(data):
                raise DataError(f"{path}: the record at byte {position} is damaged (checksum)", hint=_HINT)
            yield data
            position += length + OVERHEAD_BYTES


_HINT = "write the records again"
