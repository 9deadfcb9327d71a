"""Figures and tables as Markdown has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence


def table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Yield the lines of a table without the columns that no row has anything in; none when there is no row."""
    cells = [["" if value is None else escape(str(value)) for value in row] for row in rows]
    used = [number for number in range(len(titles)) if any(row[number] for row in cells)]
    if not used:
        return
    yield "| " + " | ".join(titles[number] for number in used) + " |"
    yield "|" + "---|" * len(used)
    for row in cells:
        yield "| " + " | ".join(row[number] for number in used) + " |"


def escape(text: str) -> str:
    """Return text that stays in its cell, whatever a class is called."""
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())


def figure(value: float | None, *, digits: int = 3) -> str:
    """Format a figure; empty when there is none."""
    return "" if value is None else f"{value:.{digits}f}"


def share(value: float | None) -> str:
    """Format a share of 1 in percent; empty when there is none."""
    return "" if value is None else f"{value * 100:.1f} %"


def amount(size_bytes: int) -> str:
    """Format a size: 812 kB, 4.7 MB."""
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes >= 1e6 else f"{max(1, round(size_bytes / 1e3))} kB"
