"""What is known of image files before anybody looks into them, so that nobody needs to.

    with knowing(checked):
        dataset = read_dataset(...)    # asks for no header that `checked` has

A source answers for what it can vouch for, and with None for all else: then the file itself is read, and says what is
wrong with it. Sources are the check's cache, and headers that other cores have read ahead.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pipeline.datasets.images.frame import Header


class Source(Protocol):
    """What knows images. None means that it does not."""

    def find_header(self, path: Path) -> Header | None:
        """Return the header of a file."""

    def find_sha256(self, path: Path) -> str | None:
        """Return the SHA-256 of a file's bytes, in hex."""


_sources: ContextVar[tuple[Source, ...]] = ContextVar("sources", default=())


@contextmanager
def knowing(*sources: Source) -> Iterator[None]:
    """Let these be asked, in this order, and those of before after them. No image may change meanwhile."""
    token = _sources.set((*sources, *_sources.get()))
    try:
        yield
    finally:
        _sources.reset(token)


def is_anything_known() -> bool:
    """Say whether there is any source."""
    return bool(_sources.get())


def find_header(path: Path) -> Header | None:
    """Return the header of a file if it is known."""
    for source in _sources.get():
        if header := source.find_header(path):
            return header
    return None


def find_sha256(path: Path) -> str | None:
    """Return the SHA-256 of a file's bytes, in hex, if it is known."""
    for source in _sources.get():
        if digest := source.find_sha256(path):
            return digest
    return None
