"""The members of a tar, one after the other, in flat memory: nothing is believed that was not read.

Read are the old, the POSIX (ustar, pax) and the GNU form, plain or as .tar.gz, .tar.bz2, .tar.xz. Python's own
tarfile reads headers of any length into memory, keeps all members, and takes a broken header for the end.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
from collections.abc import Iterator
from typing import Protocol

from pipeline.archives.archive_file import CHUNK_BYTES, Member

_BLOCK = tarfile.BLOCKSIZE
_MAX_HEADER_BYTES = 2**20
_XZ_MEMORY_BYTES = 300 * 2**20
_KINDS = {
    tarfile.DIRTYPE: "folder",
    tarfile.SYMTYPE: "symbolic link",
    tarfile.LNKTYPE: "hard link",
    tarfile.CHRTYPE: "device",
    tarfile.BLKTYPE: "device",
    tarfile.FIFOTYPE: "pipe",
    tarfile.GNUTYPE_SPARSE: "sparse file",
}


class Readable(Protocol):
    """A stream of bytes: `read` returns at most so many, and none at its end."""

    def read(self, size: int, /) -> bytes: ...


def open_stream(file: Readable, compression: str) -> Readable:
    """Unpack a stream as it is read: gzip, bzip2, xz or nothing ("")."""
    match compression:
        case "gzip":
            return gzip.GzipFile(fileobj=file)  # type: ignore[call-overload,no-any-return]
        case "bzip2":
            return bz2.BZ2File(file)  # type: ignore[call-overload,no-any-return]
        case "xz":
            return _Xz(file)
    return file


class _Xz:
    """LZMAFile would set aside as much memory as a header asks for."""

    def __init__(self, file: Readable) -> None:
        self._file = file
        self._begin()

    def _begin(self) -> None:
        self._decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_BYTES)

    def read(self, size: int, /) -> bytes:
        while True:
            data = b""
            if self._decoder.eof:
                data = (self._decoder.unused_data or self._file.read(CHUNK_BYTES)).lstrip(b"\0")
                if not data:
                    return b""
                self._begin()
            elif self._decoder.needs_input:
                data = self._file.read(CHUNK_BYTES)
                if not data:
                    raise EOFError("it was cut short")
            if unpacked := self._decoder.decompress(data, size):
                return unpacked


def read_tar(stream: Readable) -> Iterator[Member]:
    """Yield the members of a tar. Raises ValueError, with the rest of a sentence, where it is broken or cut short."""
    longer: dict[str, str] = {}
    while header := _read_block(stream):
        try:
            info = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            raise ValueError(f"a broken header in it: {error}") from error
        if info.type in (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK):
            text = _read_header(stream, info.size).rstrip(b"\0").decode("utf-8", "surrogateescape")
            if info.type == tarfile.GNUTYPE_LONGNAME:
                longer["path"] = text
            continue
        if info.type in (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.XGLTYPE):
            fields = _parse_pax(_read_header(stream, info.size))
            if info.type != tarfile.XGLTYPE:
                longer.update(fields)
            continue
        name, size = longer.get("path", info.name), longer.get("size", str(info.size))
        kind = "file" if info.type in (*tarfile.REGULAR_TYPES,) else _KINDS.get(info.type, "member of unknown kind")
        if any(key.startswith("GNU.sparse.") for key in longer) or info.type == tarfile.GNUTYPE_SPARSE:
            kind = "sparse file"
        longer = {}
        if not size.isdecimal() or len(size) > 20:
            raise ValueError(f"member {name!r} has a size of {size[:30]}")
        content = _read_content(stream, int(size) if kind in ("file", "sparse file") else 0, name)
        yield Member(name, kind, content)
        for _ in content:
            pass
    # Behind the end lies nothing but padding; reading it lets a compressed stream compare its checksum.
    stream.read(CHUNK_BYTES)


def _read_block(stream: Readable) -> bytes:
    """Read a header; nothing where the tar says that it ends."""
    block = _read_exactly(stream, _BLOCK, "it ends without an end mark: it was cut short")
    return block if block.strip(b"\0") else b""


def _read_exactly(stream: Readable, size: int, complaint: str) -> bytes:
    parts = []
    while size:
        part = stream.read(size)
        if not part:
            raise ValueError(complaint)
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _read_header(stream: Readable, size: int) -> bytes:
    if not 0 <= size <= _MAX_HEADER_BYTES:
        raise ValueError(f"a header of {size} bytes in it")
    return _read_exactly(stream, size + -size % _BLOCK, "it was cut short in a header")[:size]


def _read_content(stream: Readable, size: int, name: str) -> Iterator[bytes]:
    padding = -size % _BLOCK
    while size:
        part = stream.read(min(size, CHUNK_BYTES))
        if not part:
            raise ValueError(f"it was cut short in member {name!r}")
        size -= len(part)
        yield part
    _read_exactly(stream, padding, f"it was cut short after member {name!r}")


def _parse_pax(data: bytes) -> dict[str, str]:
    """Parse the records of a pax header, each `LENGTH KEY=VALUE` and a line break; LENGTH counts all of it."""
    fields = {}
    position = 0
    while position < len(data):
        length_text, blank, _ = data[position : position + 20].partition(b" ")
        length = int(length_text) if blank and length_text.isdigit() else 0
        key, equals, value = data[position + len(length_text) + 1 : position + length].partition(b"=")
        if not equals or not value.endswith(b"\n"):
            raise ValueError("a broken pax header in it")
        fields[key.decode("utf-8", "replace")] = value[:-1].decode("utf-8", "surrogateescape")
        position += length
    return fields
