"""The members of any archive that is read: what a file is, its content says, not its name."""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator

from pipeline.archives.archive_file import CountedFile, Member
from pipeline.archives.tar_members import open_stream, read_tar
from pipeline.archives.zip_members import read_zip

_LEADS_OUT = re.compile(r"^[/\\]|^[A-Za-z]:|(^|[/\\])\.\.([/\\]|$)")
_COMPRESSED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz"}
_FOREIGN = {b"7z\xbc\xaf\x27\x1c": "7z", b"Rar!\x1a\x07": "RAR", b"\x28\xb5\x2f\xfd": "Zstandard"}


class ForeignArchive(ValueError):
    """An archive of a kind that is not read; the text is its kind."""


class NoArchive(ValueError):
    """No archive at all; the text says what it is instead."""


def read_members(file: CountedFile) -> Iterator[Member]:
    """Return the members of a zip or of a tar, plain or compressed; raise ForeignArchive or NoArchive."""
    start = file.read_at(0, min(file.size, tarfile.BLOCKSIZE))
    if start.startswith((b"PK\3\4", b"PK\5\6")):
        return read_zip(file)
    for magic, compression in _COMPRESSED.items():
        if start.startswith(magic):
            return read_tar(open_stream(file, compression))
    for magic, name in _FOREIGN.items():
        if start.startswith(magic):
            raise ForeignArchive(name)
    try:
        tarfile.TarInfo.frombuf(start, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        raise NoArchive("an empty file" if not start else "a file that is no archive") from None
    return read_tar(file)


def leads_out(name: str) -> bool:
    """Whether a member's name would lie outside the folder that it is unpacked into."""
    return _LEADS_OUT.search(name) is not None
