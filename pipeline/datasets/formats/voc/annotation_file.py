"""XML that labelling tools wrote: read safely, and as they meant it.

Declared entities are refused: they are how a small file becomes gigabytes, or another file, and no labelling tool
declares any. Two mistakes that can be meant in one way only are mended: VoTT writes the & of names as it is
(src/providers/export/pascalVOC.ts fills its templates unescaped), and Python's XML parser knows few encodings.
"""

from __future__ import annotations

import os
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from pipeline.datasets.files.xml_file import declares_entities, read_root_tag
from pipeline.errors import DataError

_LARGE = 2**20
"""Bytes beyond which an XML file is hardly the annotation of one image, but of a whole dataset in another format."""
_ENTITY = re.compile(rb"<\0?!\0?E\0?N\0?T\0?I\0?T\0?Y")
_ENCODING = re.compile(rb"""^<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["'][^>]*?\?>""")
_ASIAN = frozenset(
    ("gbk", "gb2312", "gb18030", "cp936", "big5", "cp950", "shift_jis", "cp932", "euc-jp", "euc-kr", "cp949")
)
_BARE_AMPERSAND = re.compile(rb"&(?!#[0-9]+;|#x[0-9a-fA-F]+;|amp;|lt;|gt;|quot;|apos;)")


def is_annotation(path: Path) -> bool:
    """Say whether an XML file may be an annotation of one image, without reading a large one whole."""
    return path.stat().st_size <= _LARGE or read_root_tag(path) == "annotation"


def read_small(path: Path) -> bytes | None:
    """Read a file that may be an annotation of one image; None for a large one of another kind. Raises DataError."""
    try:
        with open(path, "rb", buffering=0) as file:
            if os.fstat(file.fileno()).st_size > _LARGE and read_root_tag(path) != "annotation":
                return None
            return file.readall()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error


def read_xml(path: Path) -> ElementTree.Element:
    """Read an XML file. Raises DataError."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    return parse_xml(content, path)


def parse_xml(content: bytes, path: Path) -> ElementTree.Element:
    """Parse what was read of the XML file at `path`. Raises DataError."""
    if _ENTITY.search(content):
        raise declares_entities(path)
    content = content.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")
    try:
        return ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError, LookupError, RecursionError) as error:
        mended = _mend(content)
        if mended is None:
            raise DataError(f"{path}: not XML: {error}") from error
        try:
            return ElementTree.fromstring(mended)
        except (ElementTree.ParseError, ValueError, LookupError, RecursionError):
            raise DataError(f"{path}: not XML: {error}") from error


def _mend(content: bytes) -> bytes | None:
    """Decode as the file says, and escape each & that begins no entity; None where there is nothing to mend."""
    mended = content
    if declared := _ENCODING.match(content):
        encoding = declared.group(1).decode().lower()
        try:
            text = content[declared.end() :].decode(encoding if encoding in _ASIAN else "utf-8")
        except UnicodeDecodeError:
            return None
        mended = text.encode(errors="replace")
        if _ENTITY.search(mended):
            return None
    mended = _BARE_AMPERSAND.sub(b"&amp;", mended)
    return None if mended == content else mended
