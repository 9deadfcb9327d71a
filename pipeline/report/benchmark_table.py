"""The table of a benchmark: one line for each artefact and number of threads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from pipeline.report.artefact_table import format_size

WIDTH = 120


def render_benchmark(results: Sequence[Mapping[str, Any]]) -> str:
    """Render the results of benchmark.json as text of at most 120 columns."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("artefact", "runtime"):
        table.add_column(title, no_wrap=True)
    for title in ("size", "threads", "median ms", "p95", "images/s", "load ms", "first ms"):
        table.add_column(title, justify="right")
    for one in results:
        cells = [one["artefact"], one["runtime"] or f"not run: {one['not_run']}", format_size(one["size_bytes"])]
        if one["not_run"] is None:
            cells += [str(one["threads"]), *(f"{one[key]:.1f}" for key in ("ms_median", "ms_p95", "images_per_s"))]
            cells += [f"{one[key]:.0f}" for key in ("load_ms", "first_ms")]
        table.add_row(*cells)
    console = Console(file=StringIO(), width=WIDTH, color_system=None)
    console.print(table)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip())
