"""The members of a zip, one after the other, in flat memory: nothing is believed that was not read.

Source: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT. The directory at the end of the file says what is
in it and where. Python's own zipfile reads all of it into memory, some 700 bytes a member, before a limit can apply.
"""

from __future__ import annotations

import stat
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.archives.archive_file import CHUNK_BYTES, CountedFile, Member

_END = struct.Struct("<4s4H2LH")
_END_LOCATOR_64 = struct.Struct("<4sLQL")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_LONGEST_COMMENT = 2**16
_IN_EXTRA = 2**32 - 1
"""What stands in place of a size or offset that needs 64 bits."""
_STORED, _DEFLATED = 0, 8
_ENCRYPTED, _UTF8 = 1, 1 << 11
_KINDS = {
    stat.S_IFLNK: "symbolic link",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
    stat.S_IFIFO: "pipe",
    stat.S_IFSOCK: "socket",
}


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    kind: str
    method: int
    crc: int
    packed: int
    size: int
    offset: int


def read_zip(file: CountedFile) -> Iterator[Member]:
    """Yield the members in the directory's order. Raises ValueError, with the rest of a sentence, where broken."""
    start, end, shift = _find_directory(file)
    for entry in _read_directory(file, start, end):
        yield Member(entry.name, entry.kind, _read_content(file, entry, shift))


def _find_directory(file: CountedFile) -> tuple[int, int, int]:
    """Find where the directory begins and ends, and how far everything lies behind where the zip says."""
    tail_bytes = min(file.size, _LONGEST_COMMENT + _END.size)
    tail = file.read_at(file.size - tail_bytes, tail_bytes)
    found = tail.rfind(b"PK\5\6", 0, len(tail) - _END.size + 4)
    if found < 0:
        raise ValueError("it has no directory at its end: it was cut short, or is one part of several")
    _, disk, _, _, _, size, offset, _ = _END.unpack_from(tail, found)
    end = file.size - tail_bytes + found
    locator_at = end - _END_LOCATOR_64.size
    if locator_at >= 0 and file.read_at(locator_at, 4) == b"PK\6\7":
        _, _, at, _ = _END_LOCATOR_64.unpack(file.read_at(locator_at, _END_LOCATOR_64.size))
        # A zip with something before it has its numbers off; this record, without extras, lies just before.
        at = at if at + _END_64.size <= locator_at and file.read_at(at, 4) == b"PK\6\6" else locator_at - _END_64.size
        if at < 0:
            raise ValueError("its directory is broken")
        signature, _, _, _, disk, _, _, _, size, offset = _END_64.unpack(file.read_at(at, _END_64.size))
        if signature != b"PK\6\6":
            raise ValueError("its directory is broken")
        end = at
    if disk not in (0, 0xFFFF):
        raise ValueError("it is one part of several")
    if size > end or offset > end - size:
        raise ValueError("its directory is broken")
    return end - size, end, end - size - offset


def _read_directory(file: CountedFile, position: int, end: int) -> Iterator[_Entry]:
    buffer, at = b"", 0
    longest = _ENTRY.size + 3 * 0xFFFF
    while position < end:
        if len(buffer) - at < longest and len(buffer) - at < end - position:
            buffer, at = file.read_at(position, min(end - position, CHUNK_BYTES)), 0
        if len(buffer) - at < _ENTRY.size:
            raise ValueError("its directory is broken")
        signature, _, _, flags, method, _, _, crc, packed, size, *lengths, _, _, attributes, offset = (
            _ENTRY.unpack_from(buffer, at)
        )
        name_bytes, extra_bytes, _ = lengths
        name_at = at + _ENTRY.size
        length = _ENTRY.size + sum(lengths)
        if signature != b"PK\1\2" or length > len(buffer) - at:
            raise ValueError("its directory is broken")
        name = _decode_name(buffer[name_at : name_at + name_bytes], flags)
        extra = buffer[name_at + name_bytes : name_at + name_bytes + extra_bytes]
        size, packed, offset = _read_zip64(extra, size, packed, offset)
        if flags & _ENCRYPTED:
            raise ValueError(f"member {name!r} is encrypted")
        kind = _KINDS.get(stat.S_IFMT(attributes >> 16), "folder" if name.endswith("/") else "file")
        yield _Entry(name, kind, method, crc, packed, size, offset)
        at += length
        position += length


def _read_content(file: CountedFile, entry: _Entry, shift: int) -> Iterator[bytes]:
    if entry.kind != "file":
        return
    if entry.method not in (_STORED, _DEFLATED):
        raise ValueError(f"member {entry.name!r} is packed in a way that is not read here (method {entry.method})")
    header = _LOCAL.unpack(file.read_at(entry.offset + shift, _LOCAL.size))
    if header[0] != b"PK\3\4":
        raise ValueError(f"member {entry.name!r} is not where its directory says")
    position = entry.offset + shift + _LOCAL.size + header[-2] + header[-1]
    end = position + entry.packed
    inflater = zlib.decompressobj(-zlib.MAX_WBITS) if entry.method == _DEFLATED else None
    size = crc = 0
    while position < end:
        packed = file.read_at(position, min(CHUNK_BYTES // 16, end - position))
        position += len(packed)
        while packed:
            part = inflater.decompress(packed, CHUNK_BYTES) if inflater else packed
            packed = inflater.unconsumed_tail if inflater else b""
            size += len(part)
            crc = zlib.crc32(part, crc)
            yield part
        if inflater and inflater.eof:
            break
    if inflater and (part := inflater.flush()):
        size += len(part)
        crc = zlib.crc32(part, crc)
        yield part
    if size != entry.size or crc != entry.crc or (inflater and not inflater.eof):
        raise ValueError(f"member {entry.name!r} is broken: its checksum or its size is another one")


def _decode_name(name: bytes, flags: int) -> str:
    """Decode a name. macOS and many tools write UTF-8 without saying so; what is not UTF-8 is code page 437.

    Old .NET has backslashes in place of slashes.
    """
    try:
        text = name.decode("utf-8")
    except UnicodeDecodeError:
        if flags & _UTF8:
            raise ValueError(f"a member name that is not UTF-8 in it: {name!r}") from None
        text = name.decode("cp437")
    return text.replace("\\", "/")


def _read_zip64(extra: bytes, *numbers: int) -> tuple[int, int, int]:
    """Replace those of size, packed size and offset that need 64 bits by what the extra field says."""
    wide = b""
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<2H", extra)
        if kind == 1:
            wide = extra[4 : 4 + length]
        extra = extra[4 + length :]
    result = []
    for number in numbers:
        if number == _IN_EXTRA and len(wide) >= 8:
            number = int.from_bytes(wide[:8], "little")
            wide = wide[8:]
        result.append(number)
    size, packed, offset = result
    return size, packed, offset
