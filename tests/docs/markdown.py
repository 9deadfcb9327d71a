"""Read the documents: headings, links, and what stands in code."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
SHELL = ("", "sh", "bash")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of code, and the language that it names."""

    language: str
    text: str


def name_of(document: Path) -> str:
    return str(document.relative_to(ROOT))


def read_blocks(document: Path) -> list[Block]:
    return [Block(found[1], found[2]) for found in _FENCE.finditer(document.read_text(encoding="utf-8"))]


def without_blocks(document: Path) -> str:
    return _FENCE.sub("", document.read_text(encoding="utf-8"))


def read_spans(text: str) -> list[str]:
    """Return the code within sentences; one that goes over a line's end is joined."""
    return [" ".join(span.split()) for span in _SPAN.findall(text)]


def read_commands(document: Path) -> list[str]:
    """Return the lines of shell blocks and the code within sentences, without comments."""
    lines = [line for block in read_blocks(document) if block.language in SHELL for line in block.text.splitlines()]
    return [line.split("  #")[0] for line in [*lines, *read_spans(without_blocks(document))]]


def read_links(document: Path) -> list[str]:
    return _LINK.findall(_SPAN.sub("", without_blocks(document)))


def read_anchors(document: Path) -> set[str]:
    """Return the names that GitHub gives to headings, to be linked to."""
    anchors: set[str] = set()
    for heading in re.findall(r"^#+ +(.+)$", without_blocks(document), re.MULTILINE):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).strip().replace(" ", "-")
        number = 0
        while (anchor := f"{slug}-{number}" if number else slug) in anchors:
            number += 1
        anchors.add(anchor)
    return anchors
