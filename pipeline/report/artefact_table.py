"""The table at the end of an evaluation: one line an artefact, compared with the checkpoint it came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

WIDTH = 120


def render_artefact_table(metrics: Sequence[Mapping[str, Any]]) -> str:
    """Render the entries of metrics.json as text of at most 120 columns.

    The differences are against the entry named `checkpoint`; without one there are none.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("artefact", "runtime"):
        table.add_column(title, no_wrap=True)
    for title in ("size", "mAP@.5", "mAP", "AR@100", "ms", "p95"):
        table.add_column(title, justify="right")
    reference = next((entry for entry in metrics if entry["artefact"] == "checkpoint"), None)
    for entry in metrics:
        table.add_row(
            entry["artefact"],
            entry["runtime"],
            format_size(entry["size_bytes"]),
            *(_format_figure(entry, key, reference=reference) for key in ("map50", "map", "ar100")),
            f"{entry['ms_median']:.1f}",
            f"{entry['ms_p95']:.1f}",
        )
    console = Console(file=StringIO(), width=WIDTH, color_system=None)
    console.print(table)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip())


def format_size(size_bytes: int) -> str:
    """Say a size as people do: 812 kB, 4.7 MB."""
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes >= 1e6 else f"{max(1, round(size_bytes / 1e3))} kB"


def _format_figure(entry: Mapping[str, Any], key: str, *, reference: Mapping[str, Any] | None) -> str:
    text = f"{entry[key]:.3f}"
    if reference is None or entry is reference:
        return text
    difference = entry[key] - reference[key]
    return f"{text} ({difference:+.3f})" if abs(difference) >= 0.0005 else f"{text} (=)"
