"""XML that others wrote, and that may be large: read as a stream, one element at a time.

Declared entities are refused: they are how a small file becomes gigabytes, or another file, and no labelling tool
declares any. They can stand before the first element only, so reading up to it is enough to know.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn, cast
from xml.parsers import expat

from pipeline.errors import DataError

_CHUNK_BYTES = 2**16
_LONGEST_PROLOG = 2**20


class _Started(Exception):
    """The first element begins; its tag is the only argument."""


def declares_entities(path: Path) -> DataError:
    """Make the error of a file that declares entities."""
    return DataError(f"{path}: declares XML entities, which annotations have no need of", hint="remove <!ENTITY ...>")


def read_root_tag(path: Path) -> str:
    """Read the tag of the outermost element, and nothing behind it. Raises DataError, also for declared entities."""

    def start(tag: str, _: object) -> NoReturn:
        raise _Started(tag)

    def declare(*_: object) -> NoReturn:
        raise declares_entities(path)

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EntityDeclHandler = declare
    read_bytes = 0
    try:
        for chunk in _read_chunks(path):
            parser.Parse(chunk, False)
            read_bytes += len(chunk)
            if read_bytes > _LONGEST_PROLOG:
                raise DataError(f"{path}: not XML: no element in its first {_LONGEST_PROLOG} bytes")
        parser.Parse(b"", True)
    except _Started as started:
        return str(started.args[0])
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise DataError(f"{path}: not XML: {error}") from error
    raise DataError(f"{path}: not XML: no element in it")


def read_children(path: Path) -> Iterator[ElementTree.Element]:
    """Yield the elements directly below the outermost one, each whole, and forget it when the next is asked for.

    Raises DataError, also late: what was yielded before the place where a file is broken is good.
    """
    read_root_tag(path)
    parser: ElementTree.XMLPullParser[ElementTree.Element] = ElementTree.XMLPullParser(("start", "end"))
    root: ElementTree.Element | None = None
    depth = 0
    try:
        for chunk in _read_chunks(path):
            parser.feed(chunk)
            for event, element in cast("Iterator[tuple[str, ElementTree.Element]]", parser.read_events()):
                if event == "start":
                    root = element if root is None else root
                    depth += 1
                    continue
                depth -= 1
                if depth == 1 and root is not None:
                    yield element
                    root.clear()
        parser.close()
        for _ in parser.read_events():
            pass
    except (ElementTree.ParseError, ValueError, LookupError, RecursionError) as error:
        raise DataError(f"{path}: not XML: {error}") from error


def _read_chunks(path: Path) -> Iterator[bytes]:
    """Read a file from its first character that is no space, which some tools put before the XML declaration."""
    try:
        with path.open("rb") as file:
            started = False
            while chunk := file.read(_CHUNK_BYTES):
                if not started:
                    chunk = chunk.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")
                    started = bool(chunk)
                if chunk:
                    yield chunk
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
